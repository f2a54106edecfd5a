"""The networks in PyTorch themselves: sizes, names, and what a round may and may not move."""

import pytest

torch = pytest.importorskip("torch")

from akd_jax.torch_networks import VGG, GeneratorA, ResNet, WideResNet

FULL, HALF = (64, 128, 256, 512), (32, 64, 128, 256)


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    "sizes, widths, classes, options, expected",
    [
        ((3, 4, 6, 3), FULL, 100, {"stem": "imagenet"}, 21_335_972),
        ((3, 4, 6, 3), FULL, 100, {"stem": "cifar"}, 21_328_292),
        ((2, 2, 2, 2), FULL, 100, {"names": "cifar"}, 11_220_132),
        ((2, 2, 2, 2), HALF, 100, {"names": "cifar"}, 2_820_740),
        ((3, 3, 3), (16, 32, 64), 10, {"shortcut": "A", "names": "cifar"}, 269_722),
    ],
)
def test_resnet_parameters(sizes, widths, classes, options, expected):
    assert count(ResNet(sizes, widths, classes, **options)) == expected


@pytest.mark.parametrize("depth, widening, expected", [(16, 2, 703_284), (40, 1, 569_780), (40, 2, 2_255_156)])
def test_wide_resnet_parameters(depth, widening, expected):
    assert count(WideResNet(depth, widening, 100)) == expected


@pytest.mark.parametrize(
    "sizes, batch_norm, expected",
    [
        ((1, 1, 2, 2, 2), True, 9_231_114),
        ((2, 2, 3, 3, 3), True, 14_728_266),
        ((1, 1, 2, 2, 2), False, 9_225_610),
        ((2, 2, 3, 3, 3), False, 14_719_818),
    ],
)
def test_vgg_parameters(sizes, batch_norm, expected):
    assert count(VGG(sizes, 10, batch_norm=batch_norm)) == expected


@pytest.mark.parametrize("latents, expected", [(100, 1_051_139), (256, 2_329_091)])
def test_generator_parameters(latents, expected):
    assert count(GeneratorA(latents)) == expected


@pytest.mark.parametrize(
    "names, side, head",
    [
        ("torchvision", "downsample", "fc"),
        ("cifar", "shortcut", "linear"),
    ],
)
def test_resnet_names(names, side, head):
    leaves = "weight", "bias", "running_mean", "running_var", "num_batches_tracked"

    def batch_norm(name):
        return [f"{name}.{leaf}" for leaf in leaves]

    expected = ["conv1.weight", *batch_norm("bn1")]
    for block in ("layer1.0", "layer2.0"):
        for i in (1, 2):
            expected += [f"{block}.conv{i}.weight", *batch_norm(f"{block}.bn{i}")]
    expected += [f"layer2.0.{side}.0.weight", *batch_norm(f"layer2.0.{side}.1")]
    expected += [f"{head}.weight", f"{head}.bias"]
    assert sorted(ResNet((1, 1), (4, 8), 10, names=names).state_dict()) == sorted(expected)


@pytest.mark.parametrize("widening", [1, 2])
def test_wide_resnet_names(widening):
    names = {name for name in WideResNet(16, widening, 10).state_dict() if name.endswith("weight")}
    expected = {"conv1", "bn1", "fc"}
    for stage in ("block1", "block2", "block3"):
        expected |= {f"{stage}.layer.{i}.{layer}{j}" for i in (0, 1) for layer in ("conv", "bn") for j in (1, 2)}
        if stage != "block1" or widening > 1:
            expected.add(f"{stage}.layer.0.convShortcut")
    assert names == {f"{name}.weight" for name in expected}


@pytest.mark.parametrize("batch_norm, places", [(True, {1: (0, 1), 2: (0, 1, 3, 4)}), (False, {1: (0,), 2: (0, 2)})])
def test_vgg_names(batch_norm, places):
    sizes = (1, 1, 2, 2, 2)
    names = {name for name in VGG(sizes, 10, batch_norm=batch_norm).state_dict() if name.endswith("weight")}
    expected = {f"block{stage}.{place}" for stage, size in enumerate(sizes) for place in places[size]}
    assert names == {f"{name}.weight" for name in expected | {"classifier"}}


def test_generator_names():
    modules = {key.rsplit(".", 1)[0] for key in GeneratorA(8, width=4).state_dict()}
    assert modules == {
        "l1.0",
        "conv_blocks0.0",
        "conv_blocks1.0",
        "conv_blocks1.1",
        "conv_blocks2.0",
        "conv_blocks2.1",
        "conv_blocks2.3",
        "conv_blocks2.5",
    }


@pytest.mark.parametrize("stem, side", [("cifar", 8), ("imagenet", 2)])
def test_resnet_shapes(stem, side):
    net = ResNet((1, 1, 1), (4, 8, 16), 10, stem=stem, in_channels=1)
    last = []
    net.layer3.register_forward_hook(lambda module, inputs, output: last.append(output.shape))
    assert net(torch.zeros(2, 1, 32, 32)).shape == (2, 10) and last == [(2, 16, side, side)]


def test_option_a_pads_both_sides():
    side = ResNet((1, 1), (4, 8), 10, shortcut="A", names="cifar").layer2[0].shortcut
    x = torch.randn(2, 4, 6, 6)
    y = side(x)
    assert torch.equal(y[:, 2:6], x[:, :, ::2, ::2]) and not y[:, :2].any() and not y[:, 6:].any()
