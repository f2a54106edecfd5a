"""Wide ResNets of Zagoruyko & Komodakis 2016, arXiv:1605.07146.

Names: of models/wrn.py in HobbitLong/RepDistiller, mdistiller/models/cifar/wrn.py in megvii-research/mdistiller,
models/wresnet.py in polo5/ZeroShotKnowledgeTransfer, and of zju-vipa's DataFree, CMI and Fast-Datafree.
"""

import torch.nn.functional as F
from torch import nn

from akd_jax.torch_networks.layers import conv3x3


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
