"""The pairs that distillation without data is published on: a teacher, its student, and the images they are to know."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from akd_jax.normalisation import NORMALISATIONS, Normalisation


class Data(NamedTuple):
    """Images of 32x32. name: as evaluation.data has it.

    normalisation: of the teachers that the field's papers share, as the code of Fast-Datafree and NAYER has it.
    """

    name: str
    classes: int
    normalisation: Normalisation


CIFAR10 = Data("cifar10", 10, NORMALISATIONS["cifar10_dfad"])
CIFAR100 = Data("cifar100", 100, NORMALISATIONS["cifar100"])


class Pair(NamedTuple):
    """teacher, student: networks by name."""

    teacher: str
    student: str
    data: Data

    def players(self) -> dict[str, Any]:
        """The settings `teacher` and `students` of a config."""
        path = f"teacher/{self.teacher}_{self.data.name}.pth"
        teacher = {"path": path, "arch": self.teacher, **self.data.normalisation._asdict()}
        return {"teacher": teacher, "students": (self.student,)}


_NETWORKS = {
    "": ("resnet34_8x", "resnet18_8x"),
    "wrn16_1": ("wrn40_2", "wrn16_1"),
    "wrn40_1": ("wrn40_2", "wrn40_1"),
    "wrn16_2": ("wrn40_2", "wrn16_2"),
    "vgg11": ("vgg11_bn", "resnet18_8x"),
}
"""By variant of a config that has CIFAR-100."""

OF_CIFAR100 = {variant: Pair(*networks, CIFAR100) for variant, networks in _NETWORKS.items()}
OF_CIFAR10 = {f"cifar10_{variant}".rstrip("_"): Pair(*networks, CIFAR10) for variant, networks in _NETWORKS.items()}
PAIRS = OF_CIFAR100 | OF_CIFAR10

Settings = dict[str, Any]


def variants(
    config: str, settings: Callable[[str, Pair], Settings], pairs: Mapping[str, Pair] = PAIRS
) -> dict[str, Callable[[], Settings]]:
    """Those of a config's table VARIANTS that are pairs: `settings` of the name that calls each, and of the pair."""
    names = {variant: f"{config}:{variant}" if variant else config for variant in pairs}
    return {variant: partial(settings, names[variant], pair) for variant, pair in pairs.items()}
