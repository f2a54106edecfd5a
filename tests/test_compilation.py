"""XLA's options, asked for and at hand, and the cache of programs."""

import subprocess
import sys
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import pytest
from hlo import CANONICAL, convolution_labels
from tiny_game import doubled, make_game, normal_doubled

from akd_jax import compilation
from akd_jax.errors import InputError
from akd_jax.steps import run_rounds


def test_the_cpu_stays_beside_a_platform_that_is_named_alone():
    """What is exported is compared on it."""
    assert [compilation.with_cpu(told) for told in ("cuda", "cpu", "cpu,cuda", "", None)] == [
        "cuda,cpu", "cpu", "cpu,cuda", "", None,
    ]  # fmt: skip


def test_what_is_faster_here_is_an_option_that_this_version_knows():
    assert compilation.options() == compilation.FASTER["cpu"]


def test_it_takes_convolutions_from_ynnpack():
    """Else the option has another meaning by now."""

    def convolved(images, kernel):
        return jax.lax.conv_general_dilated(images, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    arguments = jnp.ones((16, 16, 16, 128)), jnp.ones((3, 3, 128, 128))
    plain, ours = (
        compilation.compiled(convolved, *arguments, options=each).as_text().count("__ynn_fusion")
        for each in ({}, compilation.options())
    )
    assert plain, "XLA does not use it by default any more: the option can go"
    assert not ours


def test_options_and_a_state_that_is_overwritten_change_no_number():
    with jax.enable_x64(True):
        game, key = make_game(student_steps=2, sample_latents=normal_doubled), jax.random.key(3)
        rounds = run_rounds(game.method.turns["small"].round, 1)
        state, teacher = doubled((game.state, game.teacher_variables))
        plain = compilation.compiled(rounds, state, teacher, key, options={})
        ours = compilation.compiled(rounds, state, teacher, key, options=compilation.options(), donate=0)
        assert convolution_labels(ours) == CANONICAL
        wanted = jax.device_get(plain(state, teacher, key))
        found = jax.device_get(ours(state, teacher, key))
        assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state.students))
        assert jax.tree.leaves(wanted[1]["student_loss"])[0].dtype == "float64"
        chex.assert_trees_all_close(found, wanted, rtol=0, atol=1e-10)


def test_what_this_version_does_not_know_is_left_out(monkeypatch):
    monkeypatch.setitem(compilation.FASTER, "cpu", {"xla_cpu_of_another_version": 1})
    assert compilation.options() == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [("xla_cpu_enable_fast_math=true", True), ("xla_backend_optimization_level=1", 1), ("xla_dump_to=/tmp", "/tmp")],
)
def test_wanted_options(text, value):
    assert compilation.options([text])[text.split("=")[0]] == value


@pytest.mark.parametrize("text", ["xla_cpu_no_such=1", "xla_cpu_enable_fast_math", "xla_cpu_enable_fast_math=perhaps"])
def test_what_xla_refuses_is_one_line(text):
    with pytest.raises(InputError, match=f"compilation.options: '{text}': "):
        compilation.options([text])


@pytest.fixture
def own_cache():
    names = ("jax_compilation_cache_dir", "jax_enable_compilation_cache")
    before = {name: getattr(jax.config, name) for name in names}
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def test_programs_are_kept_where_it_is_said(own_cache, monkeypatch):
    compilation.keep_programs("")
    assert jax.config.jax_compilation_cache_dir not in (None, str(compilation.user_cache())), "JAX was told already"
    compilation.keep_programs("here")
    assert jax.config.jax_compilation_cache_dir == "here"
    jax.config.update("jax_compilation_cache_dir", None)
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    compilation.keep_programs("")
    assert Path(jax.config.jax_compilation_cache_dir) == Path("/cache/akd_jax")
    compilation.keep_programs("off")
    assert not jax.config.jax_enable_compilation_cache


def test_beside_other_processes_programs_are_kept_only_where_it_is_said(own_cache):
    compilation.wake("here", alone=False)
    assert jax.config.jax_compilation_cache_dir == "here" and jax.config.jax_enable_compilation_cache
    compilation.wake(alone=False)
    assert not jax.config.jax_enable_compilation_cache


def test_a_kept_program_that_was_cut_short_is_replaced(own_cache, tmp_path):
    """By the process that cannot read it; a kill while it was written leaves such a one."""
    code = (
        "import sys, jax; from akd_jax import compilation; compilation.wake(sys.argv[1]); "
        "jax.config.update('jax_persistent_cache_min_compile_time_secs', 0); jax.jit(lambda x: x + 1)(1.0)"
    )
    command = [sys.executable, "-W", "always", "-c", code, tmp_path]
    subprocess.run(command, check=True)
    kept = {path: path.read_bytes() for path in tmp_path.glob("jit_*-cache")}
    for path, content in kept.items():
        path.write_bytes(content[: len(content) // 2])
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    assert kept and ended.stderr == ""
    assert all(len(path.read_bytes()) == pytest.approx(len(content), rel=0.1) for path, content in kept.items())
