"""CMI (Fang et al. 2021, arXiv:2105.08584) with the numbers of its released code, but for a bank of all its images.

python scripts/train.py --config configs/cmi.py         CIFAR-100, ResNet-34 -> ResNet-18
python scripts/train.py --config configs/cmi.py:wrn     WRN-40-2 -> WRN-16-1
    Need teacher/resnet34_8x_cifar100.pth or teacher/wrn40_2_cifar100.pth, and a GPU. Not yet run. Reported there, best
    epoch on test: 77.04 and 57.91 %, with teachers of 78.05 % and 75.83 %; others found 73.75 % for the first.

python scripts/train.py --config configs/cmi.py:PAIR    the field's others on CIFAR-100, with the numbers of these two
    PAIR: wrn16_1 (as wrn), wrn40_1 or wrn16_2, of WRN-40-2, or vgg11, VGG-11 -> ResNet-18. Need the teacher that
    teacher.path names. Not yet run at full size. None on CIFAR-10, where the released code has a recipe of its own.
"""

from functools import partial
from typing import Any

from ml_collections import ConfigDict

from akd_jax.config_dict import complete
from akd_jax.pairs import OF_CIFAR100, Pair, variants


def released(name: str, pair: Pair) -> dict[str, Any]:
    """200 epochs of a synthesis of 256 images, 200 steps long, and of 400 student steps."""
    return {
        "name": name,
        "method": "cmi",
        **pair.players(),
        "student_optimizer": {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 1e-4, "schedule": "cosine"},
        "generator_optimizer": {"learning_rate": 1e-3, "beta1": 0.5},
        "batch_size": 256,
        "image_size": 32,
        "generator": {"name": "generator_sigmoid", "latents": 256, "width": 64},
        "cmi": {
            "synthesis_steps": 200,
            "student_steps": 400,
            "temperature": 20.0,
            "batch_norm_weight": 1.0,
            "one_hot_weight": 1.0,
            "adversarial_weight": 0.5,
            "contrast_weight": 0.8,
            "contrast_temperature": 0.2,
            "negatives": 4096,
            "bank_capacity": 200 * 256,
            "crop": 4,
            "flip": True,
        },
        "schedule": {"epochs": 200, "rounds_per_epoch": 1},
        "evaluation": {"data": pair.data.name, "splits": ("test",), "every_epochs": 10},  # each saves the bank
    }


VARIANTS = variants("cmi", released, OF_CIFAR100) | {"wrn": partial(released, "cmi:wrn", OF_CIFAR100["wrn16_1"])}


def get_config(variant: str = "") -> ConfigDict:
    return ConfigDict(complete(VARIANTS[variant]()))
