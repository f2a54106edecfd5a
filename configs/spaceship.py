"""SpaceshipNet (Yu et al., CVPR 2023) with the numbers of its released code.

python scripts/train.py --config configs/spaceship.py         CIFAR-100, ResNet-34 -> ResNet-18
python scripts/train.py --config configs/spaceship.py:wrn     WRN-40-2 -> WRN-16-1
    Need teacher/resnet34_8x_cifar100.pth or teacher/wrn40_2_cifar100.pth, and a GPU with more than 24 GB: the features
    of 51,200 images are 11 GB of each checkpoint and of its memory, where a guarded step may hold them twice. Not yet
    run. Reported there for the first, best epoch on test: 77.41 %, with a teacher of 78.05 %; 77.15 +- 0.21 over six
    seeds.

python scripts/train.py --config configs/spaceship.py:PAIR    the field's others on CIFAR-100, with the same numbers
    PAIR: wrn16_1 (as wrn), wrn40_1 or wrn16_2, of WRN-40-2, or vgg11, VGG-11 -> ResNet-18. Need the teacher that
    teacher.path names. Not yet run at full size.
"""

from functools import partial
from typing import Any

from ml_collections import ConfigDict

from akd_jax.config_dict import complete
from akd_jax.pairs import OF_CIFAR100, Pair, variants


def released(name: str, pair: Pair) -> dict[str, Any]:
    """200 epochs of a synthesis of 256 images, 200 steps long, and of 2000 student steps."""
    return {
        "name": name,
        "method": "spaceship",
        **pair.players(),
        "student_optimizer": {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 1e-4, "schedule": "cosine"},
        "generator_optimizer": {"learning_rate": 1e-3, "beta1": 0.5},
        "batch_size": 256,
        "image_size": 32,
        "generator": {"name": "generator_sigmoid", "latents": 256, "width": 64},
        "spaceship": {
            "synthesis_steps": 200,
            "student_steps": 2000,
            "temperature": 30.0,
            "batch_norm_weight": 1.0,
            "one_hot_weight": 0.5,
            "exchange": 0.7,
            "class_map_weight": 1.0,
            "gradient_map_weight": 1.0,
            "bank_capacity": 200 * 256,
            "crop": 4,
            "flip": True,
        },
        "schedule": {"epochs": 200, "rounds_per_epoch": 1},
        "evaluation": {"data": pair.data.name, "splits": ("test",), "every_epochs": 50},  # each saves the features
    }


VARIANTS = variants("spaceship", released, OF_CIFAR100) | {
    "wrn": partial(released, "spaceship:wrn", OF_CIFAR100["wrn16_1"])
}


def get_config(variant: str = "") -> ConfigDict:
    return ConfigDict(complete(VARIANTS[variant]()))
