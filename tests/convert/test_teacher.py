"""From PyTorch's file to a teacher's record and arrays, or one line that says why not."""

import hashlib
from pathlib import Path

import jax
import numpy as np
import pytest

import akd_jax
from akd_jax import digest, digits
from akd_jax.convert.reader import read_checkpoint
from akd_jax.convert.teacher import convert
from akd_jax.errors import InputError

CHECKPOINT = Path(akd_jax.__file__).parent / "assets" / "digits_teacher.pth"
NORMALISATION = {"mean": (digits.MEAN,), "std": (digits.STD,)}
ARCH = "resnet18_8x_w8"
DIGEST = convert(CHECKPOINT, arch=ARCH, **NORMALISATION)[0].digest


def test_record_and_arrays():
    info, variables = convert(CHECKPOINT, arch=ARCH, **NORMALISATION)
    assert (info.arch, info.classes, info.channels, info.source) == (ARCH, 10, 1, str(CHECKPOINT))
    assert info.parameters == 176_258
    assert (info.layout, info.key) == ("torchvision", "")
    assert info.source_digest == f"sha256:{hashlib.sha256(CHECKPOINT.read_bytes()).hexdigest()}"
    assert info.digest == digest.of_tree(variables)
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(variables))


def test_auto_finds_the_architecture():
    info, _ = convert(CHECKPOINT, arch="auto", **NORMALISATION)
    assert info == convert(CHECKPOINT, arch=ARCH, **NORMALISATION)[0]


def test_another_architecture_names_every_difference():
    with pytest.raises(InputError) as caught:
        convert(CHECKPOINT, arch="resnet10_8x_w8", **NORMALISATION)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith("; it fits resnet18_8x_w8")
    unexpected = message.partition("unexpected: ")[2]
    assert all(f"layer{stage}.1.conv2.weight" in unexpected for stage in range(1, 5))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"arch": "nobody"}, "resnet18_8x_w8"),
        ({"classes": 7}, "fc.weight is"),
        ({"mean": (0.5,) * 3, "std": (0.5,) * 3}, "takes 1 channels"),
        ({"key": "model"}, "no state dict under 'model'; it has conv1.weight"),
    ],
)
def test_what_cannot_be_converted(changes, says):
    with pytest.raises(InputError, match=says):
        convert(CHECKPOINT, **{"arch": ARCH, **NORMALISATION, **changes})


@pytest.mark.parametrize("arch", ["auto", "resnet34"])
def test_imagenet_is_refused(arch, tmp_path):
    torch = pytest.importorskip("torch", reason="torch is a test dependency on Python 3.11 only")
    torch.save({"conv1.weight": torch.ones(64, 3, 7, 7), "fc.weight": torch.ones(1000, 512)}, tmp_path / "r34.pth")
    with pytest.raises(InputError, match="is an ImageNet network"):
        convert(tmp_path / "r34.pth", arch=arch, **NORMALISATION)


def test_the_key_is_kept(tmp_path):
    torch = pytest.importorskip("torch", reason="torch is a test dependency on Python 3.11 only")
    weights = {name: torch.tensor(value) for name, value in read_checkpoint(CHECKPOINT).items()}
    torch.save({"model": {"net": weights, "ema": weights}, "epoch": 3}, tmp_path / "both.pth")
    with pytest.raises(
        InputError, match=r"both\.pth holds 2 state dicts: pick one with --key model\.net or model\.ema"
    ):
        convert(tmp_path / "both.pth", arch="auto", **NORMALISATION)
    info, _ = convert(tmp_path / "both.pth", arch="auto", key="model.ema", **NORMALISATION)
    assert info.key == "model.ema" and info.digest == convert(CHECKPOINT, arch=ARCH, **NORMALISATION)[0].digest


FORMS = {
    "state_dict": lambda weights: {"state_dict": weights, "epoch": 3},
    "model_state_dict": lambda weights: {"model_state_dict": weights, "optimizer_state_dict": {"state": {}}},
    "net": lambda weights: {"net": weights, "acc": 93.1},
    "ema": lambda weights: {"ema": weights},
    "DataParallel": lambda weights: {f"module.{name}": value for name, value in weights.items()},
    "compiled": lambda weights: {f"_orig_mod.{name}": value for name, value in weights.items()},
    "both": lambda weights: {"model": {f"module._orig_mod.{name}": value for name, value in weights.items()}},
}


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="torch is a test dependency on Python 3.11 only")


@pytest.fixture(scope="module")
def weights(torch):
    return {name: torch.tensor(value) for name, value in read_checkpoint(CHECKPOINT).items()}


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("form", [*FORMS, "module"])
def test_every_form_gives_the_same_arrays(torch, weights, tmp_path, form, new):
    if form == "module":
        from akd_jax.torch_networks import network_of

        content = network_of(read_checkpoint(CHECKPOINT))
    else:
        content = FORMS[form](weights)
    torch.save(content, tmp_path / "model.pth", _use_new_zipfile_serialization=new)
    assert convert(tmp_path / "model.pth", arch="auto", **NORMALISATION)[0].digest == DIGEST


def test_safetensors_gives_the_same_arrays(torch, weights, tmp_path):
    from safetensors.torch import save_file

    save_file(weights, tmp_path / "model.safetensors")
    assert convert(tmp_path / "model.safetensors", arch="auto", **NORMALISATION)[0].digest == DIGEST


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 1e-3), ("bfloat16", 1e-2)])
def test_half_precision_gives_nearly_the_same_arrays(torch, weights, tmp_path, dtype, tolerance):
    torch.save({name: value.to(getattr(torch, dtype)) for name, value in weights.items()}, tmp_path / "half.pth")
    _, variables = convert(tmp_path / "half.pth", arch="auto", **NORMALISATION)
    _, wanted = convert(CHECKPOINT, arch=ARCH, **NORMALISATION)
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, tolerance, 1e-6), variables, wanted)
