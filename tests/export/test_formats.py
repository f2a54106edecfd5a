"""Exports read back: PyTorch's names, and what happens where both sides differ."""

import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from small_networks import FACTS, NETWORKS, scrambled

from akd_jax.errors import ExportError, InputError
from akd_jax.export import FORMAT_NAMES, formats, subject
from akd_jax.export.subject import Subject
from akd_jax.models import make_classifier


def subject_of(network, shape, **facts):
    inputs = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    subject = Subject(network, scrambled(network, inputs), inputs, "noise", replace(FACTS, **facts))
    return formats.in_layout(subject, None)


def exported(given, format="pytorch", **flags):
    return formats.export(given, format, **{"fold_batch_norm": False, "pixels": False} | flags)


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize(
    "name",
    ["resnet", "7x7 stem", "option A", "wide resnet", "vgg without batch norm", "generator", "sigmoid generator"],
)
def test_pytorch_gives_the_same_outputs(name, fold):
    pytest.importorskip("torch")
    network, shape, _ = NETWORKS[name]
    kind = {"kind": "generator", "input_size": None} if "generator" in name else {"input_size": shape[1]}
    _, facts, verdict = exported(subject_of(network, shape, **kind), fold_batch_norm=fold)
    assert verdict.startswith("verified: what torch makes of it")
    layouts = {"generator": "dfad", "sigmoid generator": "cmi"}
    layouts |= dict.fromkeys(("wide resnet", "vgg without batch norm"), "repdistiller")
    assert facts.layout == layouts.get(name, "cifar")


def test_images_are_enlarged_for_pytorch():
    pytest.importorskip("torch")
    network, shape, _ = NETWORKS["behind a resize"]
    assert "verified" in exported(subject_of(network, shape, input_size=12))[2]


def test_folded_weights_load_into_what_pytorchs_own_fuser_gives():
    torch = pytest.importorskip("torch")
    from torch.fx.experimental.optimization import fuse

    from akd_jax.torch_networks import ResNet

    network, shape, _ = NETWORKS["resnet"]
    subject = subject_of(network, shape)
    module = ResNet((1, 1), (4, 8), 5, names="cifar").eval()
    module.load_state_dict(torch.load(io.BytesIO(exported(subject)[0])), strict=True)
    images = torch.tensor(subject.inputs).permute(0, 3, 1, 2)
    wanted = module(images)
    fused = fuse(ResNet((1, 1), (4, 8), 5, names="cifar").eval())
    fused.load_state_dict(torch.load(io.BytesIO(exported(subject, fold_batch_norm=True)[0])), strict=True)
    torch.testing.assert_close(fused(images), wanted, rtol=1e-5, atol=1e-5 * float(wanted.abs().max()))


def test_names_of_resnet18_8x():
    """Every tensor of DFAD's and the seed's network, of torchvision's, and no other."""
    torch = pytest.importorskip("torch")
    from akd_jax.torch_networks import ResNet

    network = make_classifier("resnet18_8x", 10, image_size=32)
    subject = subject_of(network, (1, 32, 32, 3))
    for layout in ("cifar", "torchvision"):
        data = formats.FORMATS["pytorch"].encode(formats.in_layout(subject, layout))
        module = ResNet((2, 2, 2, 2), (64, 128, 256, 512), 10, names=layout)
        assert (
            str(module.load_state_dict(torch.load(io.BytesIO(data)), strict=True)) == "<All keys matched successfully>"
        )


def test_a_layout_without_names_for_the_network():
    network, shape, _ = NETWORKS["wide resnet"]
    with pytest.raises(InputError, match="--layout torchvision: resnet has names in repdistiller only"):
        formats.in_layout(subject_of(network, shape), "torchvision")


def test_other_outputs_are_an_error(monkeypatch):
    network, shape, _ = NETWORKS["option A"]
    subject = subject_of(network, shape, channels=1)
    own = formats.outputs_of(subject)
    for share, verdict in ((0.5e-5, "verified"), (2e-5, "reads something else"), (np.nan, "reads something else")):
        other = formats.Format(lambda _: b"", lambda *_, share=share: own + share * np.abs(own).max(), "", "numpy")
        monkeypatch.setitem(formats.FORMATS, "other", other)
        if verdict == "verified":
            assert exported(subject, "other")[2].startswith("verified: what numpy makes of it")
        else:
            with pytest.raises(ExportError, match=verdict):
                exported(subject, "other")


def test_libraries_that_are_missing(monkeypatch):
    network, shape, _ = NETWORKS["option A"]
    gone = formats.Format(lambda _: b"data", lambda *_: pytest.fail("nobody can"), "nobodys_writer", "nobodys_reader")
    monkeypatch.setitem(formats.FORMATS, "gone", gone)
    with pytest.raises(InputError, match=r"--format gone needs nobodys_writer .*: pip install 'akd_jax\[export\]'"):
        formats.check_installed("gone")
    assert (
        exported(subject_of(network, shape, channels=1), "gone")[2] == "not verified: nobodys_reader is not installed"
    )


def test_every_name_is_a_format():
    assert tuple(formats.FORMATS) == FORMAT_NAMES


@pytest.mark.parametrize("method", ["fast", "deepinversion"])
def test_a_generator_that_does_not_draw_by_itself_is_not_exported(method, monkeypatch, tmp_path):
    described = SimpleNamespace(method=method), None, None
    monkeypatch.setattr(subject.saved_run, "describe", lambda directory: described)
    with pytest.raises(InputError, match=f"has no generator that draws by itself: {method} keeps the images"):
        subject.of_generator(tmp_path)
