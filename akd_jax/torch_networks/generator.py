"""DFAD's generator (Fang et al. 2019, arXiv:1912.11006) and CMI's (Fang et al. 2021, arXiv:2105.08584).

Names: of network/gan.py in VainF/Data-Free-Adversarial-Distillation, and of datafree/models/generator.py in
zju-vipa/CMI.
"""

import torch.nn.functional as F
from torch import nn


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


class SigmoidGenerator(nn.Module):
    """CMI's generator, [B, latents] -> images [B, channels, image_size, image_size] in 0..1."""

    def __init__(self, latents, image_size=32, channels=3, width=64):
        super().__init__()
        self.shape = (2 * width, image_size // 4, image_size // 4)
        self.l1 = nn.Sequential(nn.Linear(latents, 2 * width * (image_size // 4) ** 2))
        self.conv_blocks = nn.Sequential(
            nn.BatchNorm2d(2 * width),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(2 * width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, channels, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, z):
        return self.conv_blocks(self.l1(z).unflatten(1, self.shape))
