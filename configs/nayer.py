"""NAYER (Tran et al. 2024, arXiv:2310.00258) with the numbers of its released code, and strictly without data.

python scripts/train.py --config configs/nayer.py        CIFAR-100, ResNet-34 -> ResNet-18
python scripts/train.py --config configs/nayer.py:wrn    WRN-40-2 -> WRN-16-2
    Need teacher/resnet34_8x_cifar100.pth or teacher/wrn40_2_cifar100.pth, and a GPU. Not yet run at full size.
    Reported for 300 epochs of WRN-40-2 -> WRN-16-2, best epoch on test, read from a figure: 71.72 %, with a teacher of
    75.83 %. There classes are embeddings of their names by CLIP: --config.nayer.embeddings=FILE.npy; here they are the
    rows of the teacher's last layer, which needs no model but the teacher.

python scripts/train.py --config configs/nayer.py:PAIR   the field's others
    PAIR: wrn16_1, wrn40_1 or wrn16_2 (as wrn), of WRN-40-2, or vgg11, VGG-11 -> ResNet-18; on CIFAR-10, with syntheses
    of 30 steps, cifar10, or cifar10_ before one of these. Need the teacher that teacher.path names. Not yet run at full
    size.
"""

from functools import partial
from typing import Any

from ml_collections import ConfigDict

from akd_jax.config_dict import complete
from akd_jax.pairs import PAIRS, Pair, variants

SYNTHESIS_STEPS = {"cifar10": 30, "cifar100": 40}


def released(name: str, pair: Pair) -> dict[str, Any]:
    """20 epochs of ten syntheses of 400 images, 300 of two and 400 student steps of 512; the bank forgets none."""
    return {
        "name": name,
        "method": "nayer",
        **pair.players(),
        "student_optimizer": {
            "learning_rate": 0.2,
            "momentum": 0.9,
            "weight_decay": 1e-4,
            "schedule": "cosine",
            "final": 1e-3,
        },
        "generator_optimizer": {"learning_rate": 4e-3, "beta1": 0.5},
        "batch_size": 512,
        "image_size": 32,
        "generator": {"name": "generator_sigmoid", "latents": 1000, "width": 64},
        "nayer": {
            "syntheses": 2,
            "filling_syntheses": 10,
            "synthesis_steps": SYNTHESIS_STEPS[pair.data.name],
            "noise_layers": 400 // pair.data.classes,  # each for one image of every class
            "generator_life": 10,
            "embeddings": "classifier",
            "student_steps": 400,
            "temperature": 20.0,
            "batch_norm_weight": 10.0,
            "batch_norm_memory": 0.9,
            "one_hot_weight": 0.5,
            "adversarial_weight": 1.33,
            "adversarial_from": 20 / 320,
            "bank_capacity": (20 * 10 + 300 * 2) * 400,
            "crop": 4,
            "flip": True,
        },
        "schedule": {"epochs": 320, "rounds_per_epoch": 1, "filling": 20},
        "evaluation": {"data": pair.data.name, "splits": ("test",), "every_epochs": 10},  # each saves the bank
    }


VARIANTS = variants("nayer", released) | {"wrn": partial(released, "nayer:wrn", PAIRS["wrn16_2"])}


def get_config(variant: str = "") -> ConfigDict:
    return ConfigDict(complete(VARIANTS[variant]()))
