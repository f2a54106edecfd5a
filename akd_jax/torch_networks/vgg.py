"""VGG of Simonyan & Zisserman 2014, arXiv:1409.1556, configurations A and D.

Head, pools and names: of models/vgg.py in HobbitLong/RepDistiller, mdistiller/models/cifar/vgg.py in
megvii-research/mdistiller, and of zju-vipa's DataFree, CMI and Fast-Datafree.
"""

import torch.nn.functional as F
from torch import nn


class VGG(nn.Module):
    """[B, in_channels, H, W] -> logits [B, num_classes]; stage_sizes: the convolutions of each stage."""

    def __init__(self, stage_sizes, num_classes, in_channels=3, *, batch_norm=True):
        super().__init__()
        self.stages = []
        for stage, (size, outputs) in enumerate(zip(stage_sizes, (64, 128, 256, 512, 512), strict=True)):
            layers = []
            for _ in range(size):
                norms = [nn.BatchNorm2d(outputs)] if batch_norm else []
                layers += [nn.Conv2d(in_channels, outputs, 3, padding=1), *norms, nn.ReLU()]
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
