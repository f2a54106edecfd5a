"""The labelled images that a supervised run learns from, and the record of them that it keeps."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from akd_jax import data, digest, files, workdir
from akd_jax.config import Config
from akd_jax.data import Images
from akd_jax.errors import InputError
from akd_jax.task import Task


@dataclass(frozen=True)
class LessonsInfo:
    """data, split: where the images came from. images: how many. digest: of images and labels, "sha256:...".

    classes, channels, mean, std: as for `Task`.
    """

    data: str
    split: str
    images: int
    digest: str
    classes: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def task(self) -> Task:
        return Task(self.classes, self.channels, self.mean, self.std)


def load(config: Config, teacher: Task | None, *, fetch: bool) -> tuple[LessonsInfo, Images]:
    """What the config's supervised method learns from. teacher: what its teacher sees and says, None without one.

    fetch: may download and prepare data that are not there. Raises InputError.
    """
    own = config.supervised
    if not own.data:
        raise InputError("supervised.data is missing: cifar10, cifar100, digits, or the path of an .npz or a folder")
    held = data.load_splits(own.data, [own.split], config.evaluation.data_dir or None, fetch=fetch).held
    normalisation = teacher or config.teacher
    classes = teacher.classes if teacher else len(held.names) or int(held.labels.max()) + 1
    shape = (config.image_size, config.image_size, len(normalisation.mean))
    data.check(held, f"supervised.data: {own.data} {own.split}", shape=shape, classes=classes)
    info = LessonsInfo(
        data=own.data,
        split=own.split,
        images=len(held.labels),
        digest=digest.of_tree({"images": held.images, "labels": held.labels}),
        classes=classes,
        channels=shape[-1],
        mean=normalisation.mean,
        std=normalisation.std,
    )
    return info, held


def write_info(directory: Path, lessons: LessonsInfo) -> None:
    """Writes `lessons.json` into the directory."""
    files.write_json(directory / workdir.LESSONS, dataclasses.asdict(lessons))


def read_info(directory: Path) -> LessonsInfo:
    """What `lessons.json` in the directory says. Raises InputError where it is missing or broken."""
    try:
        values = files.read_json(directory / workdir.LESSONS)
        return LessonsInfo(**values | {key: tuple(values[key]) for key in ("mean", "std")})
    except (InputError, TypeError, KeyError) as error:
        raise InputError(f"{directory} is a damaged run: {workdir.LESSONS} cannot be read ({error})") from None
