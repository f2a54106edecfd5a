"""DAFL (Chen et al. 2019, arXiv:1904.01186) with the numbers of its released code.

python scripts/train.py --config configs/dafl.py   CIFAR-100, ResNet-34 -> ResNet-18, both for 32x32
    Needs teacher/resnet34_8x_cifar100.pth and a GPU. Not yet run. Reported there, best epoch on test: 74.47 %; runs of
    its readers: 53.3 and 62.4 %. The epsilon of 0.8 that its generator's batch norms have, an argument in another's
    place, is not taken over: here it is PyTorch's 1e-5.
"""

from typing import Any

from ml_collections import ConfigDict

from akd_jax.config_dict import complete
from akd_jax.pairs import PAIRS


def cifar100() -> dict[str, Any]:
    """2,000 epochs of 120 steps of either side, the students' rate a tenth after 800 and after 1,600."""
    return {
        "name": "dafl",
        "method": "dafl",
        **PAIRS[""].players(),
        "student_optimizer": {
            "learning_rate": 0.1,
            "momentum": 0.9,
            "weight_decay": 5e-4,
            "schedule": "multistep",
            "milestones": (0.4, 0.8),
        },
        "generator_optimizer": {"learning_rate": 0.02},
        "batch_size": 1024,
        "image_size": 32,
        "generator": {"name": "generator_a", "latents": 1000, "width": 64},
        "dafl": {"temperature": 1.0, "one_hot_weight": 0.5, "balance_weight": 20.0, "activation_weight": 0.1},
        "schedule": {"epochs": 2000, "rounds_per_epoch": 120},
        "evaluation": {"data": "cifar100", "splits": ("test",), "every_epochs": 5},
    }


VARIANTS = {"": cifar100}


def get_config(variant: str = "") -> ConfigDict:
    return ConfigDict(complete(VARIANTS[variant]()))
