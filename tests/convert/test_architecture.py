"""Which network a state dict is of, from names and shapes alone."""

import pytest

from akd_jax.convert import architecture
from akd_jax.convert.architecture import in_short, recognise, stages_of, variable_shapes
from akd_jax.convert.layouts import layouts_of, torch_shapes
from akd_jax.convert.unpickle import CheckpointError
from akd_jax.models import MODELS


def shapes(arch, layout=None, classes=10):
    expected = variable_shapes(arch, classes, 3)
    return torch_shapes(expected, layout or layouts_of(expected)[0])


CASES = [(arch, layout) for arch in MODELS for layout in layouts_of(variable_shapes(arch, 10, 3))]


@pytest.mark.parametrize(("arch", "layout"), CASES)
def test_every_network_is_known_in_every_layout(arch, layout):
    known = shapes(arch, layout)
    assert stages_of(known) == MODELS[arch].stages
    for order in (list(known), sorted(known), list(reversed(known))):
        fit = recognise({name: known[name] for name in order})
        assert fit == (arch, layout, fit.problems) and fit.exact


def test_for_any_number_of_classes():
    assert recognise(shapes("resnet20", "cifar", classes=37)).arch == "resnet20"


def test_nothing_fits():
    other = shapes("resnet20_b", "cifar")
    other |= {f"layer1.3.{name}": (16,) for name in ("bn1.weight", "bn1.bias", "bn2.weight", "bn2.bias")}
    other["conv1.weight"] = (16, 3, 5, 5)
    del other["linear.bias"]
    with pytest.raises(CheckpointError) as caught:
        recognise(other)
    assert str(caught.value) == (
        "fits no network of the project; the nearest is resnet20_b (layout cifar), which differs: 1 missing: "
        "linear.bias [10]; 4 unexpected: layer1.3.bn1.weight [16], layer1.3.bn1.bias [16], layer1.3.bn2.weight [16] "
        "and 1 more; 1 of another shape: conv1.weight is [16, 3, 5, 5] instead of [16, 3, 3, 3]"
    )


@pytest.mark.parametrize("missing", ["fc", "conv1"])
def test_without_an_end(missing):
    rest = {name: shape for name, shape in shapes("resnet20").items() if not name.startswith(missing)}
    with pytest.raises(CheckpointError, match=rf"nearest is resnet20 .* missing: .*{missing}\.weight"):
        recognise(rest)


@pytest.mark.parametrize(
    "odd", [{}, {"a": ()}, {"fc.weight": (0, 5)}, {"conv1.weight": (0, 0, 0, 0)}, {"layer1.0.x": (0, 1, 2, 3)}]
)
def test_odd_shapes(odd):
    with pytest.raises(CheckpointError, match="fits no network"):
        recognise(odd)


def test_two_that_fit_are_not_guessed_between(monkeypatch):
    monkeypatch.setitem(architecture.MODELS, "twin", MODELS["resnet20"])
    with pytest.raises(CheckpointError, match="fits resnet20 and twin alike: give --arch"):
        recognise(shapes("resnet20"))


VGG11 = "5 stages of 1, 1, 2, 2, 2 blocks, widths 64, 128, 256, 512, 512, 3x3 stem, no shortcut weights"


@pytest.mark.parametrize(
    ("arch", "layout", "says"),
    [
        ("resnet20", "cifar", "3 stages of 3 blocks, widths 16, 32, 64, 3x3 stem, no shortcut weights"),
        ("resnet34", "torchvision", "4 stages of 3, 4, 6, 3 blocks, widths 64, 128, 256, 512, 7x7 stem, 3 shortcut"),
        ("resnet18_8x", "weiaicunzai", "4 stages of 2 blocks, widths 64, 128, 256, 512, 3x3 stem, 3 shortcut"),
        ("wrn40_2", "repdistiller", "3 stages of 6 blocks, widths 32, 64, 128, 3x3 stem, 3 shortcut convolutions"),
        ("vgg11_bn", "repdistiller", VGG11),
        ("vgg11", "repdistiller", f"{VGG11}, no batch norms"),
    ],
)
def test_in_short(arch, layout, says):
    assert in_short(shapes(arch, layout)).startswith(says)
