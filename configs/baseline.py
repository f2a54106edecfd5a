"""What students reach that see the real images: the price of being data-free is the difference.

python scripts/train.py --config configs/baseline.py:scratch       CIFAR-100, ResNet-18, from the labels alone
python scripts/train.py --config configs/baseline.py:distilled     and from a ResNet-34
    100 epochs, for a GPU; the teacher is the repository's, of configs/teacher.py. Not yet run.

python scripts/train.py --config configs/baseline.py:resnet20_scratch       CIFAR-100, ResNet-20, for a CPU
python scripts/train.py --config configs/baseline.py:resnet20_distilled
python scripts/train.py --config configs/baseline.py:coarse16_scratch       its 20 coarse classes at 16x16
python scripts/train.py --config configs/baseline.py:coarse16_distilled
    For a CPU. coarse16_distilled, seed 0, 27 minutes on one core beside other work: test top-1 at the last epoch
    64.87 % (results/coarse16/results.json); coarse16_scratch is teacher:coarse16, 65.59 %, and resnet20_scratch
    teacher:resnet20, 63.41 %. resnet20_distilled, seeds 0 and 1, 85 s each beside other runs on an H100: 62.63 and
    62.12 % (results/cifar100_resnet20/results.json).
"""

import runpy
from functools import partial
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from akd_jax.config_dict import complete

TEACHERS = runpy.run_path(str(Path(__file__).with_name("teacher.py")))["VARIANTS"]
"""Students are trained as teachers are."""

TRAINED = Path(__file__).parents[1] / "results" / "teachers"
PATHS = {name: str(TRAINED / f"{name}.pth") for name in ("resnet34", "resnet20", "coarse16")}
"""Teachers that are in the repository."""


def scratch(name: str, like: str, student: str) -> dict[str, Any]:
    return TEACHERS[like]() | {"name": name, "students": (student,)}


def distilled(name: str, like: str, student: str) -> dict[str, Any]:
    """Hinton et al. 2015: nine tenths of the loss from the teacher at temperature 4."""
    values = TEACHERS[like]() | {"name": name}
    values["teacher"] |= {"path": PATHS[like], "arch": values["students"][0]}
    values["supervised"] |= {"distillation": 0.9, "temperature": 4.0}
    return values | {"students": (student,)}


VARIANTS = {
    "scratch": partial(scratch, "baseline:scratch", "resnet34", "resnet18_8x"),
    "distilled": partial(distilled, "baseline:distilled", "resnet34", "resnet18_8x"),
    "resnet20_scratch": partial(scratch, "baseline:resnet20_scratch", "resnet20", "resnet20"),
    "resnet20_distilled": partial(distilled, "baseline:resnet20_distilled", "resnet20", "resnet20"),
    "coarse16_scratch": partial(scratch, "baseline:coarse16_scratch", "coarse16", "resnet20"),
    "coarse16_distilled": partial(distilled, "baseline:coarse16_distilled", "coarse16", "resnet20"),
}


def get_config(variant: str = "distilled") -> ConfigDict:
    return ConfigDict(complete(VARIANTS[variant]()))
