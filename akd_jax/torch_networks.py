"""The networks in PyTorch, written from descriptions: what a converted or exported network is compared with.

The one module that imports PyTorch, which is not among the requirements: import it inside the function that needs it.
Sources (architecture and state-dict names only):
  ResNet      He et al. 2015, arXiv:1512.03385; names of torchvision/models/resnet.py ('torchvision'), of
              network/resnet_8x.py in VainF/Data-Free-Adversarial-Distillation, kuangliu/pytorch-cifar and
              akamaster/pytorch_resnet_cifar10 ('cifar'), and of models/resnet.py in weiaicunzai/pytorch-cifar100.
  WideResNet  Zagoruyko & Komodakis 2016, arXiv:1605.07146; names of models/wrn.py in HobbitLong/RepDistiller,
              mdistiller/models/cifar/wrn.py in megvii-research/mdistiller, models/wresnet.py in
              polo5/ZeroShotKnowledgeTransfer, and of zju-vipa's DataFree, CMI and Fast-Datafree.
  VGG         Simonyan & Zisserman 2014, arXiv:1409.1556, configurations A and D; head, pools and names of models/vgg.py
              in HobbitLong/RepDistiller, mdistiller/models/cifar/vgg.py in megvii-research/mdistiller, and of
              zju-vipa's DataFree, CMI and Fast-Datafree.
  GeneratorA  Fang et al. 2019, arXiv:1912.11006; names of network/gan.py in
              VainF/Data-Free-Adversarial-Distillation.
Tensors are float32 and channels-first, [B, C, H, W].
"""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from akd_jax.convert.architecture import channels_of, classes_of, stages_of, stem_of
from akd_jax.convert.layouts import shapes_of


def conv3x3(inputs, outputs, stride=1):
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)


class PadShortcut(nn.Module):
    """Option A of He et al. 2015, section 4.2: every second pixel, zero channels on both sides."""

    def __init__(self, extra):
        super().__init__()
        self.pad = extra // 2

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))


def side_of(inputs, outputs, stride, shortcut):
    if stride == 1 and inputs == outputs:
        return nn.Sequential()
    if shortcut == "A":
        return PadShortcut(outputs - inputs)
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride, shortcut, shortcut_name):
        super().__init__()
        self.conv1, self.bn1 = conv3x3(inputs, outputs, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv3x3(outputs, outputs), nn.BatchNorm2d(outputs)
        self.shortcut_name = shortcut_name
        self.add_module(shortcut_name, side_of(inputs, outputs, stride, shortcut))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.get_submodule(self.shortcut_name)(x))


class CountedBlock(nn.Module):
    """The same with counted layers, as weiaicunzai has it."""

    def __init__(self, inputs, outputs, stride, shortcut, shortcut_name):
        super().__init__()
        self.residual_function = nn.Sequential(
            conv3x3(inputs, outputs, stride),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            conv3x3(outputs, outputs),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut_name = shortcut_name
        self.add_module(shortcut_name, side_of(inputs, outputs, stride, shortcut))

    def forward(self, x):
        return F.relu(self.residual_function(x) + self.get_submodule(self.shortcut_name)(x))


NAMES = {  # names: (block, its shortcut, a stage, the last layer)
    "torchvision": (BasicBlock, "downsample", "layer{}", "fc"),
    "cifar": (BasicBlock, "shortcut", "layer{}", "linear"),
    "weiaicunzai": (CountedBlock, "shortcut", "conv{}_x", "fc"),
}


class ResNet(nn.Module):
    """Basic-block ResNet, [B, in_channels, H, W] -> logits [B, num_classes]; a stage per entry of the tuples.

    stem: 'cifar' (3x3, stride 1) or 'imagenet' (7x7, stride 2, then 3x3 max-pool, stride 2).
    shortcut: 'B' (1x1 convolution and batch norm where the shape changes) or 'A' (see `PadShortcut`).
    names: see NAMES.
    """

    def __init__(
        self,
        stage_sizes,
        stage_widths,
        num_classes,
        stem="cifar",
        shortcut="B",
        names="torchvision",
        in_channels=3,
    ):
        super().__init__()
        block, shortcut_name, stage_name, self.head_name = NAMES[names]
        counted = block is CountedBlock
        width = stage_widths[0]
        if stem == "imagenet":
            self.conv1 = nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
            self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        else:
            self.conv1 = conv3x3(in_channels, width)
            self.maxpool = nn.Identity()
        self.bn1 = nn.BatchNorm2d(width)
        if counted:
            self.conv1, self.bn1 = nn.Sequential(self.conv1, self.bn1), nn.Identity()
        self.stages = [stage_name.format(i + 1 + counted) for i in range(len(stage_sizes))]
        for i, (name, blocks, outputs) in enumerate(zip(self.stages, stage_sizes, stage_widths, strict=True)):
            first = block(width, outputs, 1 if i == 0 else 2, shortcut, shortcut_name)
            rest = [block(outputs, outputs, 1, shortcut, shortcut_name) for _ in range(blocks - 1)]
            self.add_module(name, nn.Sequential(first, *rest))
            width = outputs
        self.add_module(self.head_name, nn.Linear(width, num_classes))

    def forward(self, x):
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        for name in self.stages:
            x = self.get_submodule(name)(x)
        return self.get_submodule(self.head_name)(x.mean((2, 3)))


class WideBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv3x3(inputs, outputs, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs), conv3x3(outputs, outputs)
        if inputs != outputs:
            self.convShortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x):
        a = F.relu(self.bn1(x))
        side = self.convShortcut(a) if hasattr(self, "convShortcut") else x
        return self.conv2(F.relu(self.bn2(self.conv1(a)))) + side


class WideResNet(nn.Module):
    """WRN-depth-widening, [B, in_channels, H, W] -> logits [B, num_classes]."""

    def __init__(self, depth, widening, num_classes, in_channels=3):
        super().__init__()
        self.conv1 = conv3x3(in_channels, 16)
        widths = [16, 16 * widening, 32 * widening, 64 * widening]
        self.stages = ["block1", "block2", "block3"]
        for name, inputs, outputs in zip(self.stages, widths[:-1], widths[1:], strict=True):
            first = WideBlock(inputs, outputs, 1 if name == "block1" else 2)
            rest = [WideBlock(outputs, outputs, 1) for _ in range((depth - 4) // 6 - 1)]
            self.add_module(name, nn.ModuleDict({"layer": nn.Sequential(first, *rest)}))
        self.bn1, self.fc = nn.BatchNorm2d(widths[-1]), nn.Linear(widths[-1], num_classes)

    def forward(self, x):
        x = self.conv1(x)
        for name in self.stages:
            x = self.get_submodule(name)["layer"](x)
        return self.fc(F.relu(self.bn1(x)).mean((2, 3)))


class VGG(nn.Module):
    """VGG with batch norm, [B, in_channels, H, W] -> logits [B, num_classes]; as many convolutions a stage as given."""

    def __init__(self, stage_sizes, num_classes, in_channels=3):
        super().__init__()
        self.stages = []
        for stage, (size, outputs) in enumerate(zip(stage_sizes, (64, 128, 256, 512, 512), strict=True)):
            layers = []
            for _ in range(size):
                layers += [nn.Conv2d(in_channels, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
                in_channels = outputs
            self.stages.append(f"block{stage}")
            self.add_module(f"block{stage}", nn.Sequential(*layers))
        self.classifier = nn.Linear(in_channels, num_classes)

    def forward(self, x):
        pooled_after = ["block0", "block1", "block2"] + ["block3"] * (x.shape[2] == 64)
        for name in self.stages:
            x = self.get_submodule(name)(x)
            if name in pooled_after:
                x = F.max_pool2d(x, 2)
        return self.classifier(x.mean((2, 3)))


class GeneratorA(nn.Module):
    """DFAD's generator, [B, latents] -> images [B, channels, image_size, image_size]."""

    def __init__(self, latents, image_size=32, channels=3, width=64):
        super().__init__()
        self.shape = (2 * width, image_size // 4, image_size // 4)
        self.l1 = nn.Sequential(nn.Linear(latents, 2 * width * (image_size // 4) ** 2))
        self.conv_blocks0 = nn.Sequential(nn.BatchNorm2d(2 * width))
        self.conv_blocks1 = nn.Sequential(
            nn.Conv2d(2 * width, 2 * width, 3, padding=1), nn.BatchNorm2d(2 * width), nn.LeakyReLU(0.2)
        )
        self.conv_blocks2 = nn.Sequential(
            nn.Conv2d(2 * width, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, channels, 3, padding=1),
            nn.Tanh(),
            nn.BatchNorm2d(channels, affine=False),
        )

    def forward(self, z):
        x = self.conv_blocks0(self.l1(z).unflatten(1, self.shape))
        x = self.conv_blocks1(F.interpolate(x, scale_factor=2, mode="nearest"))
        return self.conv_blocks2(F.interpolate(x, scale_factor=2, mode="nearest"))


def network_of(state_dict: Mapping[str, np.ndarray]) -> nn.Module:
    """The classifier that a state dict is of, as `architecture.recognise` or `to_state_dict` knows it, in eval mode.

    Built from what names and shapes show, and loaded strictly; num_batches_tracked may be missing.
    """
    shapes = shapes_of(state_dict)
    sizes, widths = zip(*stages_of(shapes), strict=True)
    classes, channels = classes_of(shapes), channels_of(shapes)
    tops = {name.split(".")[0] for name in state_dict}
    if "block0" in tops:
        module = VGG(sizes, classes, channels)
    elif "block1" in tops:
        module = WideResNet(6 * sizes[0] + 4, widths[0] // 16, classes, channels)
    else:
        names = "weiaicunzai" if "conv2_x" in tops else "cifar" if "linear.weight" in state_dict else "torchvision"
        module = ResNet(
            sizes,
            widths,
            classes,
            stem="imagenet" if stem_of(shapes) == 7 else "cifar",
            shortcut="B" if any(f".{NAMES[names][1]}.0" in name for name in state_dict) else "A",
            names=names,
            in_channels=channels,
        )
    counters = {name: value for name, value in module.state_dict().items() if name.endswith("num_batches_tracked")}
    module.load_state_dict(counters | {name: torch.tensor(value) for name, value in state_dict.items()})
    return module.eval()


def logits(module: nn.Module, images: np.ndarray, *, size: int | None = None) -> np.ndarray:
    """[B, classes] of normalised images [B, H, W, C], enlarged to `size` pixels as `make_classifier` does."""
    shown = torch.tensor(images.transpose(0, 3, 1, 2))
    if size:
        shown = F.interpolate(shown, size=(size, size), mode="bilinear", align_corners=True)
    with torch.no_grad():
        return module(shown).numpy()
