"""Fast-Datafree (Fang et al. 2022, arXiv:2112.06253) with the numbers of its released code.

python scripts/train.py --config configs/fast.py         CIFAR-100, ResNet-34 -> ResNet-18, ten steps for a batch
python scripts/train.py --config configs/fast.py:five    five steps
python scripts/train.py --config configs/fast.py:two     two steps
python scripts/train.py --config configs/fast.py:wrn     WRN-40-2 -> WRN-16-1, ten steps
    Need teacher/resnet34_8x_cifar100.pth or teacher/wrn40_2_cifar100.pth, and a GPU. Reported there, best epoch on
    test: 74.34, 72.82, 69.76 and 54.02 %, with teachers of 78.05 % and 75.83 %. Not yet run to the end; the first one
    with results/teachers/resnet34.pth (78.26 %), in bfloat16 and 116 student steps a round, a third of the operations,
    seed 0: test top-1 at the last round 71.74 % (results/h200/results.json).

python scripts/train.py --config configs/fast.py:PAIR    the field's others, ten steps
    PAIR: wrn16_1 (as wrn), wrn40_1 or wrn16_2, of WRN-40-2, or vgg11, VGG-11 -> ResNet-18; on CIFAR-10, with the same
    numbers, cifar10, or cifar10_ before one of these. Need the teacher that teacher.path names. Not yet run at full
    size.

python scripts/train.py --config configs/fast.py:resnet20  CIFAR-100, ResNet-20 -> ResNet-20
    At the size of a CPU, from the teacher that is in the repository, of 63.40 %. Seed 0, an hour on two cores, half of
    it beside other work: test top-1 at the last round 40.15 % (results/cifar100_resnet20/fast.json).
"""

from functools import partial
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from akd_jax.config_dict import complete
from akd_jax.pairs import PAIRS, Pair, variants

TRAINED = Path(__file__).parents[1] / "results" / "teachers"

WEIGHTS = {
    "resnet34_8x": {"adversarial_weight": 1.33, "one_hot_weight": 0.5},
    "vgg11_bn": {"adversarial_weight": 1.0, "one_hot_weight": 0.5},
    "wrn40_2": {"adversarial_weight": 1.1, "one_hot_weight": 0.4},
}
"""By teacher, for both data sets."""


def released(
    name: str, pair: Pair, *, steps: int = 10, generator_rate: float = 2e-3, latents_rate: float = 0.01
) -> dict[str, Any]:
    """220 epochs of a synthesis of 256 images, and of 400 student steps but for the first 20; the bank forgets none."""
    return {
        "name": name,
        "method": "fast",
        **pair.players(),
        "student_optimizer": {
            "learning_rate": 0.2,
            "momentum": 0.9,
            "weight_decay": 1e-4,
            "schedule": "cosine",
            "final": 1e-3,
        },
        "generator_optimizer": {"learning_rate": generator_rate, "beta1": 0.5},
        "batch_size": 256,
        "image_size": 32,
        "generator": {"name": "generator_sigmoid", "latents": 256, "width": 64},
        "fast": {
            "synthesis_steps": steps,
            "student_steps": 400,
            "temperature": 20.0,
            "batch_norm_weight": 10.0,
            "batch_norm_memory": 0.9,
            "adversarial_from": 19 / 220,  # it counts epochs from 1, and compares after counting
            "reset_at": 139 / 220,
            "bank_capacity": 220 * 256,
            "latents_rate": latents_rate,
            "crop": 4,
            "flip": True,
            **WEIGHTS[pair.teacher],
        },
        "schedule": {"epochs": 220, "rounds_per_epoch": 1, "filling": 20},
        "evaluation": {"data": pair.data.name, "splits": ("test",), "every_epochs": 10},  # each saves the bank
    }


def resnet20() -> dict[str, Any]:
    """Five steps for a batch, at the rate of ten, in batches of 64, with half the generator's width and 25 student
    steps to a synthesis, as configs/methods.py:digits_fast. The validation part is that of the teacher.
    """
    values = released("fast:resnet20", PAIRS[""], steps=5)
    values["teacher"] |= {"path": str(TRAINED / "resnet20.pth"), "arch": "resnet20"}
    values["generator"] |= {"width": 32}
    values["fast"] |= {"student_steps": 25, "bank_capacity": 220 * 64}
    evaluation = {"data": "cifar100", "splits": ("train[:5%]",), "final_splits": ("test",), "every_epochs": 20}
    return values | {"students": ("resnet20",), "batch_size": 64, "evaluation": evaluation}


VARIANTS = variants("fast", released) | {
    "five": partial(released, "fast:five", PAIRS[""], steps=5, generator_rate=3e-3),
    "two": partial(released, "fast:two", PAIRS[""], steps=2, generator_rate=5e-3, latents_rate=0.015),
    "wrn": partial(released, "fast:wrn", PAIRS["wrn16_1"]),
    "resnet20": resnet20,
}


def get_config(variant: str = "") -> ConfigDict:
    return ConfigDict(complete(VARIANTS[variant]()))
