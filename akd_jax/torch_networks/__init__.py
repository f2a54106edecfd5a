"""The networks in PyTorch, written from descriptions: what a converted or exported network is compared with.

The one package that imports PyTorch, which is not among the requirements: import it inside the function that needs it.
Of the sources that each module gives, only architecture and state-dict names are taken.
Tensors are float32 and channels-first, [B, C, H, W].
"""

import io
import math
from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from akd_jax.convert.architecture import channels_of, classes_of, stages_of, stem_of
from akd_jax.convert.layouts import shapes_of
from akd_jax.torch_networks.generator import GeneratorA, SigmoidGenerator
from akd_jax.torch_networks.resnet import NAMES, ResNet
from akd_jax.torch_networks.vgg import VGG
from akd_jax.torch_networks.wide_resnet import WideResNet

__all__ = ["VGG", "GeneratorA", "ResNet", "SigmoidGenerator", "WideResNet", "network_of", "outputs_of", "read"]


def network_of(state_dict: Mapping[str, np.ndarray], *, folded: bool = False) -> nn.Module:
    """The network that a state dict is of, as `architecture.recognise` or `to_state_dict` knows it, in eval mode.

    Built from what names and shapes show, and loaded strictly; num_batches_tracked may be missing.
    folded: batch norms that are missing too are in the biases of the convolutions before them.
    """
    module = (_generator if "l1.0.weight" in state_dict else _classifier)(state_dict)
    if folded:
        _fold(module, state_dict)
    counters = {name: value for name, value in module.state_dict().items() if name.endswith("num_batches_tracked")}
    module.load_state_dict(counters | {name: torch.tensor(value) for name, value in state_dict.items()})
    return module.eval()


def read(file: bytes, *, folded: bool = False) -> nn.Module:
    """The network of the state dict in a .pth file, in eval mode; folded: as for `network_of`."""
    state_dict = torch.load(io.BytesIO(file), weights_only=True)
    return network_of({name: value.numpy() for name, value in state_dict.items()}, folded=folded)


def outputs_of(module: nn.Module, inputs: np.ndarray, *, size: int | None = None) -> np.ndarray:
    """Logits [B, classes] of normalised images [B, H, W, C], or images [B, H, W, C] of latents [B, Z].

    size: to which images are enlarged first, as `make_classifier` does.
    """
    given = torch.tensor(inputs.transpose(0, 3, 1, 2) if inputs.ndim == 4 else inputs)
    if size and size != given.shape[-1]:
        given = F.interpolate(given, size=(size, size), mode="bilinear", align_corners=True)
    with torch.no_grad():
        outputs = module(given)
    return (outputs.permute(0, 2, 3, 1) if outputs.ndim == 4 else outputs).numpy()


def _fold(module: nn.Module, state_dict: Mapping[str, np.ndarray]) -> None:
    """Layers as the state dict has them: no batch norm where it has none, a convolution's bias where it has one."""
    for name, layer in list(module.named_modules()):
        if isinstance(layer, nn.BatchNorm2d) and f"{name}.running_mean" not in state_dict:
            module.set_submodule(name, nn.Identity())
        elif isinstance(layer, nn.Conv2d) and layer.bias is None and f"{name}.bias" in state_dict:
            layer.bias = nn.Parameter(torch.zeros(layer.out_channels))


def _generator(state_dict: Mapping[str, np.ndarray]) -> nn.Module:
    features, latents = state_dict["l1.0.weight"].shape
    last, kind = (
        ("conv_blocks2.3", GeneratorA) if "conv_blocks2.3.weight" in state_dict else ("conv_blocks.9", SigmoidGenerator)
    )
    channels, width = state_dict[f"{last}.weight"].shape[:2]
    return kind(latents, 4 * math.isqrt(features // (2 * width)), channels, width)


def _classifier(state_dict: Mapping[str, np.ndarray]) -> nn.Module:
    shapes = shapes_of(state_dict)
    sizes, widths = zip(*stages_of(shapes), strict=True)
    classes, channels = classes_of(shapes), channels_of(shapes)
    tops = {name.split(".")[0] for name in state_dict}
    if "block0" in tops:
        # Without batch norms there is a ReLU in every odd place; those that are folded leave their places empty.
        places = [int(name.split(".")[1]) for name in state_dict if name.startswith("block")]
        return VGG(sizes, classes, channels, batch_norm=any(place % 2 for place in places))
    if "block1" in tops:
        return WideResNet(6 * sizes[0] + 4, widths[0] // 16, classes, channels)
    names = "weiaicunzai" if "conv2_x" in tops else "cifar" if "linear.weight" in state_dict else "torchvision"
    return ResNet(
        sizes,
        widths,
        classes,
        stem="imagenet" if stem_of(shapes) == 7 else "cifar",
        shortcut="B" if any(f".{NAMES[names][1]}.0" in name for name in state_dict) else "A",
        names=names,
        in_channels=channels,
    )
