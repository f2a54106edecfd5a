"""DFQ (Choi et al. 2020, arXiv:2005.04136) with the numbers of CMI's library.

python scripts/train.py --config configs/dfq.py       CIFAR-100, ResNet-34 -> ResNet-18, both for 32x32
python scripts/train.py --config configs/dfq.py:wrn   CIFAR-100, WRN-40-2 -> WRN-16-1
    Need teacher/resnet34_8x_cifar100.pth or teacher/wrn40_2_cifar100.pth, and a GPU. Not yet run. Reported by CMI, best
    epoch on test: 77.01 % and 54.77 %, with teachers of 78.05 % and 75.83 %; a reader's own run of the first: 71.26 %.
"""

from typing import Any

from ml_collections import ConfigDict

from akd_jax.config_dict import complete
from akd_jax.normalisation import NORMALISATIONS


def resnet() -> dict[str, Any]:
    return _library("dfq", "resnet34_8x", "resnet18_8x", learning_rate=0.05)


def wrn() -> dict[str, Any]:
    return _library("dfq:wrn", "wrn40_2", "wrn16_1", learning_rate=0.1)


def _library(name: str, teacher: str, student: str, *, learning_rate: float) -> dict[str, Any]:
    """200 epochs of 40 rounds of 1 + 10 steps, 80,000 student steps in all."""
    return {
        "name": name,
        "method": "dfq",
        "teacher": {
            "path": f"teacher/{teacher}_cifar100.pth",
            "arch": teacher,
            **NORMALISATIONS["cifar100"]._asdict(),
        },
        "students": (student,),
        "student_optimizer": {
            "learning_rate": learning_rate,
            "momentum": 0.9,
            "weight_decay": 1e-4,
            "schedule": "cosine",
        },
        "generator_optimizer": {"learning_rate": 1e-3, "beta1": 0.5},
        "batch_size": 256,
        "image_size": 32,
        "generator": {"name": "generator_sigmoid", "latents": 256, "width": 64},
        "dfq": {
            "temperature": 1.0,
            "batch_norm_weight": 1.0,
            "one_hot_weight": 1.0,
            "balance_weight": 20.0,
            "student_steps": 10,
            "student_statistics": "running",
        },
        "schedule": {"epochs": 200, "rounds_per_epoch": 40},
        "evaluation": {"data": "cifar100", "splits": ("test",), "every_epochs": 1},
    }


VARIANTS = {"": resnet, "wrn": wrn}


def get_config(variant: str = "") -> ConfigDict:
    return ConfigDict(complete(VARIANTS[variant]()))
