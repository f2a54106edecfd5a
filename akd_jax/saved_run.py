"""A run as it lies on disk, for those who come after training: sampling, evaluation, export."""

from pathlib import Path
from typing import NamedTuple

import jax

from akd_jax import files, teacher_files, workdir
from akd_jax.config import Config
from akd_jax.config_dict import from_dict
from akd_jax.errors import InputError
from akd_jax.experiment import Experiment, build, initial_state
from akd_jax.families import draws
from akd_jax.task import Task
from akd_jax.teacher import TeacherInfo
from akd_jax.training import embeddings_file, lessons, progress
from akd_jax.training.progress import Progress


class SavedRun(NamedTuple):
    """What a run's directory holds, put together again: its settings, what they build, and how far it came.

    teacher_info: its arrays are not needed; None where the run has no teacher. progress: at the newest checkpoint that
    is undamaged.
    """

    config: Config
    task: Task
    teacher_info: TeacherInfo | None
    experiment: Experiment
    progress: Progress


def describe(directory: Path) -> tuple[Config, Task, TeacherInfo | None]:
    """A run's settings, its task, and its teacher's record if it has one. Raises InputError where there is no run."""
    if (directory / workdir.SWEEP).is_file():
        first = next(iter(files.read_json(directory / workdir.SWEEP)["members"]))
        raise InputError(
            f"{directory} is a sweep: give the directory of one of its members, such as {directory / first}"
        )
    if not (directory / workdir.CONFIG).is_file():
        raise InputError(f"{directory} is no run: give a directory that akd-train (scripts/train.py) wrote")
    config = from_dict(files.read_json(directory / workdir.CONFIG))
    if not config.teacher.path:
        return config, lessons.read_info(directory).task, None
    if not (directory / workdir.TEACHER).is_file():
        raise InputError(f"{directory} is a damaged run: it has no {workdir.TEACHER}")
    info = teacher_files.read_info(directory)
    return config, info.task, info


def read(directory: Path) -> SavedRun:
    """Raises InputError where there is no run, or none with a checkpoint; SavedStateError where all are damaged."""
    config, task, info = describe(directory)
    examples = 0 if draws(config) else lessons.read_info(directory).images
    embedded = embeddings_file.read(directory)
    rows = embedded and embedded.rows
    experiment = build(config, task, teacher=info and info.arch, examples=examples, embeddings=rows)
    like = progress.fresh(initial_state(experiment, jax.random.key(0)))
    saved, _ = progress.newest(directory / workdir.CHECKPOINTS, like)
    if saved is None:
        raise InputError(f"{directory} has no checkpoint yet: let it train to its first evaluation")
    return SavedRun(config, task, info, experiment, saved)
