"""What a round's time goes to: operations by their kind, of both libraries, and the table of them."""

import json

import jax
import jax.numpy as jnp
import pytest
from commands import status

from akd_jax.optional import why_missing
from benchmarks import kinds, profile


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("conv_general_dilated.495", "convolutions"),
        ("aten::mkldnn_convolution", "convolutions"),
        ("aten::convolution_backward", "convolutions"),
        ("ynn_fusion.38", "matrix products"),
        ("multiply_dot_fusion", "matrix products"),
        ("aten::addmm", "matrix products"),
        ("add_convert_fusion", kinds.OTHERS),
        ("aten::upsample_bilinear2d", kinds.OTHERS),
        ("aten::native_batch_norm", kinds.OTHERS),
    ],
)
def test_operations_are_told_by_their_names(operation, kind):
    assert kinds.kind_of(operation) == kind


def test_a_loops_operations_are_found():
    images, kernel, matrix = jnp.ones((8, 32, 32, 8)), jnp.ones((3, 3, 8, 8)), jnp.ones((512, 512))

    @jax.jit
    def program(images, matrix):
        def step(_, given):
            images, matrix = given
            convolved = jax.lax.conv_general_dilated(
                images, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            return jnp.tanh(convolved), matrix @ matrix / 512

        return jax.lax.fori_loop(0, 8, step, (images, matrix))

    program(images, matrix)[0].block_until_ready()
    found = kinds.of_jax(lambda: jax.block_until_ready(program(images, matrix)))
    assert min(found.values()) > 0


def test_pytorchs_operations_are_found():
    if reason := why_missing("torch"):
        pytest.skip(f"no torch: {reason}")
    import torch

    layer, images, matrix = torch.nn.Conv2d(8, 8, 3), torch.ones(4, 8, 32, 32), torch.ones(256, 256)
    found = kinds.of_torch(lambda: (torch.tanh(layer(images)).sum().backward(), matrix @ matrix))
    assert min(found.values()) > 0


@pytest.mark.slow
def test_a_tiny_game_is_profiled(tmp_path, capsys):
    if reason := why_missing("torch"):
        pytest.skip(f"no torch: {reason}")
    assert status(profile, "--games", "tiny", "--samples", "1", "--json", tmp_path / "profile.json") == 0
    measured = json.loads((tmp_path / "profile.json").read_text())
    for found in measured["games"]["tiny"]["round"].values():
        *parts, wall = (found[kind]["median"] for kind in profile.ROWS)
        assert 0.5 * wall < sum(parts) < 1.1 * wall  # one core: they follow one another, and loops are not told twice
    assert capsys.readouterr().out.splitlines()[-1].startswith("| tiny, generator step | torch, tuned | ")


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--games", "chess"], "--games chess: unknown; give some of seed,"),
        (["--samples", "0"], "--samples 0: at least 1"),
    ],
)
def test_bad_flags_are_one_line(flags, says, tmp_path, capsys):
    assert status(profile, "--json", tmp_path / "profile.json", *flags) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and says in said and not list(tmp_path.iterdir())
