"""Basic-block ResNets of He et al. 2015, arXiv:1512.03385.

Names: of torchvision/models/resnet.py ('torchvision'), of network/resnet_8x.py in
VainF/Data-Free-Adversarial-Distillation, kuangliu/pytorch-cifar and akamaster/pytorch_resnet_cifar10 ('cifar'), and of
models/resnet.py in weiaicunzai/pytorch-cifar100.
"""

import torch.nn.functional as F
from torch import nn

from akd_jax.torch_networks.layers import conv3x3


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
