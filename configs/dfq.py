"""DFQ (Choi et al. 2020, arXiv:2005.04136) with the numbers of CMI's library.

python scripts/train.py --config configs/dfq.py       CIFAR-100, ResNet-34 -> ResNet-18, both for 32x32
python scripts/train.py --config configs/dfq.py:wrn   CIFAR-100, WRN-40-2 -> WRN-16-1
    Need teacher/resnet34_8x_cifar100.pth or teacher/wrn40_2_cifar100.pth, and a GPU. Not yet run. Reported by CMI, best
    epoch on test: 77.01 % and 54.77 %, with teachers of 78.05 % and 75.83 %; a reader's own run of the first: 71.26 %.

python scripts/train.py --config configs/dfq.py:PAIR  the field's others
    PAIR: wrn16_1 (as wrn), wrn40_1 or wrn16_2, of WRN-40-2, or vgg11, VGG-11 -> ResNet-18; on CIFAR-10 cifar10, or
    cifar10_ before one of these. Where the library has no numbers these are of the nearest: rates go by the student.
    Need the teacher that teacher.path names. Not yet run at full size.
"""

from functools import partial
from typing import Any

from ml_collections import ConfigDict

from akd_jax.config_dict import complete
from akd_jax.pairs import PAIRS, Pair, variants

LEARNING_RATES = {"resnet18_8x": 0.05, "wrn16_1": 0.1, "wrn40_1": 0.1, "wrn16_2": 0.1}
"""By student."""


def library(name: str, pair: Pair) -> dict[str, Any]:
    """200 epochs of 40 rounds of 1 + 10 steps, 80,000 student steps in all."""
    return {
        "name": name,
        "method": "dfq",
        **pair.players(),
        "student_optimizer": {
            "learning_rate": LEARNING_RATES[pair.student],
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
        "evaluation": {"data": pair.data.name, "splits": ("test",), "every_epochs": 1},
    }


VARIANTS = variants("dfq", library) | {"wrn": partial(library, "dfq:wrn", PAIRS["wrn16_1"])}


def get_config(variant: str = "") -> ConfigDict:
    return ConfigDict(complete(VARIANTS[variant]()))
