"""Data-free adversarial distillation (Fang et al. 2019, arXiv:1912.11006), with the numbers of its released code.

python scripts/train.py --config configs/dfad.py           CIFAR-100, ResNet-34 -> ResNet-18, both for 32x32
python scripts/train.py --config configs/dfad.py:cifar10   CIFAR-10
    Need teacher/resnet34_8x_cifar100.pth or teacher/resnet34_8x_cifar10.pth, and a GPU (about 16 minutes of rounds on
    an H100 with --config.dtype=bfloat16, reckoned from 4,000). Not yet run to their ends: squeezed into 80 of its 500
    epochs, with the constants of its own teacher of 78.3 %, the first reached 46.00 % (last) on the test images
    (results/h100/results.json). A .pth is read with this config's constants: convert one of others first. Reported
    for the released code, best epoch on test: CIFAR-100 67.7 +- 0.3 %, with a teacher of 77.5 %; CIFAR-10 93.3 %.

python scripts/train.py --config configs/dfad.py:cifar100_resnet20  CIFAR-100, ResNet-20 -> ResNet-20
python scripts/train.py --config configs/dfad.py:coarse16           its 20 coarse classes at 16x16
    The same at the size of a CPU, from teachers that are in the repository. coarse16, seed 0, 37 minutes on one core
    beside other work: test top-1 at the last round 40.25 %, where the teacher has 65.59 %
    (results/coarse16/results.json). cifar100_resnet20: not yet run to the end.

python scripts/train.py --config configs/dfad.py:resnet20  CIFAR-10, ResNet-20 -> ResNet-20
    Needs teacher/resnet20-12fca82f.th (akamaster, 91.73 %). The same losses at a size for a CPU: 109 minutes on one
    core beside other work, with jax 0.10 and XLA_FLAGS=--xla_cpu_experimental_ynn_fusion_type=-individual_convolution.
    Test top-1 at the last round, seed 0: 64.81 %.
"""

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from akd_jax.config_dict import complete
from akd_jax.normalisation import NORMALISATIONS

TRAINED = Path(__file__).parents[1] / "results" / "teachers"


def cifar100() -> dict[str, Any]:
    return _released("dfad", "cifar100")


def cifar10() -> dict[str, Any]:
    return _released("dfad:cifar10", "cifar10")


def _released(name: str, data: str) -> dict[str, Any]:
    """Both rates fall to a tenth after 99 and after 199 of 500 epochs: the released code counts before it trains."""
    decay = {"schedule": "multistep", "milestones": (0.198, 0.398)}
    return {
        "name": name,
        "method": "dfad",
        "teacher": {
            "path": f"teacher/resnet34_8x_{data}.pth",
            "arch": "resnet34_8x",
            # CIFAR-10's, for CIFAR-100 too.
            **NORMALISATIONS["cifar10_dfad"]._asdict(),
        },
        "students": ("resnet18_8x",),
        "student_optimizer": {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 5e-4, **decay},
        "generator_optimizer": {"learning_rate": 1e-3, **decay},
        "batch_size": 256,
        "image_size": 32,
        "generator": {"latents": 256, "width": 64},
        "adversarial": {"objective": "l1", "student_steps": 5},
        "schedule": {"epochs": 500, "rounds_per_epoch": 50},
        "evaluation": {"data": data, "splits": ("test",), "every_epochs": 1},
    }


def resnet20() -> dict[str, Any]:
    """Smaller batches and half the generator's width, since images are what a CPU has least of; decay to the end."""
    decay = {"schedule": "cosine", "final": 0.01}
    return {
        "name": "dfad:resnet20",
        "method": "dfad",
        "teacher": {
            "path": "teacher/resnet20-12fca82f.th",
            "arch": "resnet20",
            **NORMALISATIONS["imagenet"]._asdict(),
        },
        "students": ("resnet20",),
        "student_optimizer": {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 5e-4, **decay},
        "generator_optimizer": {"learning_rate": 1e-3, **decay},
        "batch_size": 64,
        "image_size": 32,
        "generator": {"latents": 256, "width": 32},
        "adversarial": {"objective": "l1", "student_steps": 5},
        "schedule": {"epochs": 40, "rounds_per_epoch": 75},
        "evaluation": {"data": "cifar10", "splits": ("test[:20%]",), "final_splits": ("test",)},
    }


def cifar100_resnet20() -> dict[str, Any]:
    return _of_the_repository("cifar100_resnet20", "resnet20.pth", "cifar100", image_size=32)


def coarse16() -> dict[str, Any]:
    return _of_the_repository("coarse16", "coarse16.pth", "cifar100_coarse16", image_size=16)


def _of_the_repository(variant: str, file: str, data: str, *, image_size: int) -> dict[str, Any]:
    """As `resnet20`; the validation part is that of the teacher, so no student is picked on test images."""
    values = resnet20()
    values["teacher"] |= {"path": str(TRAINED / file), **NORMALISATIONS["cifar100"]._asdict()}
    evaluation = {"data": data, "splits": ("train[:5%]",), "final_splits": ("test",)}
    return values | {"name": f"dfad:{variant}", "image_size": image_size, "evaluation": evaluation}


VARIANTS = {
    "": cifar100,
    "cifar10": cifar10,
    "resnet20": resnet20,
    "cifar100_resnet20": cifar100_resnet20,
    "coarse16": coarse16,
}


def get_config(variant: str = "") -> ConfigDict:
    return ConfigDict(complete(VARIANTS[variant]()))
