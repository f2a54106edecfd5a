"""DeepInversion (Yin et al. 2020, arXiv:1912.08795) with its numbers for CIFAR-10; students learn from a bank.

python scripts/train.py --config configs/deepinversion.py             CIFAR-100, ResNet-34 -> ResNet-18
python scripts/train.py --config configs/deepinversion.py:adaptive    against the student too
    Need teacher/resnet34_8x_cifar100.pth and a GPU. Not yet run at full size. As CMI's authors report it, best epoch on
    test: 61.32 %, with a teacher of 78.05 %. How students learn from the images was not released: here as
    configs/fast.py has it, but for the temperature of 3.
"""

from functools import partial
from typing import Any

from ml_collections import ConfigDict

from akd_jax.config_dict import complete
from akd_jax.pairs import PAIRS


def resnet(name: str = "deepinversion", adversarial_weight: float = 0.0) -> dict[str, Any]:
    """220 epochs of a synthesis of 256 images, 2,000 steps long, and of 400 student steps but for the first 20."""
    return {
        "name": name,
        "method": "deepinversion",
        **PAIRS[""].players(),
        "student_optimizer": {
            "learning_rate": 0.2,
            "momentum": 0.9,
            "weight_decay": 1e-4,
            "schedule": "cosine",
            "final": 1e-3,
        },
        "generator_optimizer": {"learning_rate": 0.1},
        "batch_size": 256,
        "image_size": 32,
        "deepinversion": {
            "synthesis_steps": 2000,
            "student_steps": 400,
            "temperature": 3.0,
            "batch_norm_weight": 10.0,
            "one_hot_weight": 1.0,
            "total_variation_weight": 2.5e-5,
            "adversarial_weight": adversarial_weight,
            "bank_capacity": 220 * 256,
            "crop": 2,
            "flip": True,
        },
        "schedule": {"epochs": 220, "rounds_per_epoch": 1, "filling": 20},
        "evaluation": {"data": "cifar100", "splits": ("test",), "every_epochs": 10},  # each saves the bank
    }


VARIANTS = {"": resnet, "adaptive": partial(resnet, "deepinversion:adaptive", 1.0)}


def get_config(variant: str = "") -> ConfigDict:
    return ConfigDict(complete(VARIANTS[variant]()))
