"""Teachers on disk: a directory with `teacher.json` (what it is) and its arrays, written once, checked when read."""

import dataclasses
from pathlib import Path

import jax
import numpy as np

from akd_jax import checkpoint, digest, files, workdir
from akd_jax.config import TeacherConfig
from akd_jax.convert.architecture import variable_shapes
from akd_jax.convert.teacher import convert
from akd_jax.errors import InputError
from akd_jax.models import MODELS
from akd_jax.teacher import TeacherInfo
from akd_jax.types import Variables

ARRAYS = "variables"


def save(directory: Path, teacher: TeacherInfo, variables: Variables, *, overwrite: bool = False) -> None:
    """Writes the teacher beside the goal first, so that an interruption leaves nothing half done.

    overwrite: replaces a directory that `save` wrote, and no other. Raises InputError for any that may not be replaced.
    """
    check_replaceable(directory, overwrite=overwrite)
    with files.new_directory(directory) as new:
        checkpoint.save_tree(new / ARRAYS, variables)
        write_info(new, teacher)


def check_replaceable(directory: Path, *, overwrite: bool) -> None:
    """Raises InputError where something is in the way that is no teacher, or a teacher that shall stay."""
    files.check_replaceable(directory, (workdir.TEACHER, ARRAYS), "converted teacher", overwrite=overwrite)


def load(config: TeacherConfig) -> tuple[TeacherInfo, Variables]:
    """The teacher at `config.path`, converted on the way in if it is a file. Raises InputError."""
    path = Path(config.path)
    if not path.exists():
        raise InputError(
            f"nothing at {path}: wanted a PyTorch checkpoint (.pth) or a directory that akd-convert "
            "(scripts/convert_teacher.py) wrote, as --config.teacher.path gives it"
        )
    if path.is_dir():
        return read(path)
    return convert(path, arch=config.arch, mean=config.mean, std=config.std)


def read(directory: Path) -> tuple[TeacherInfo, Variables]:
    """The teacher that `save` wrote. Raises InputError where it is none, or its arrays are not those it saved."""
    teacher = read_info(directory)
    expected = variable_shapes(teacher.arch, teacher.classes, teacher.channels)
    try:
        variables = jax.tree.map(np.asarray, checkpoint.restore_tree(directory / ARRAYS, expected))
    except (OSError, ValueError) as error:
        raise InputError(f"{directory}: its arrays cannot be read ({error!s:.200}): convert it again") from None
    if digest.of_tree(variables) != teacher.digest:
        raise InputError(f"{directory}: its arrays are not those that were saved: convert it again")
    return teacher, variables


def write_info(directory: Path, teacher: TeacherInfo) -> None:
    """Writes `teacher.json` into the directory."""
    files.write_json(directory / workdir.TEACHER, dataclasses.asdict(teacher))


def read_info(directory: Path) -> TeacherInfo:
    """What `teacher.json` in the directory says. Raises InputError where it is missing or broken."""
    if not (directory / workdir.TEACHER).is_file():
        state = (
            "is a file"
            if directory.is_file()
            else f"has no {workdir.TEACHER}"
            if directory.is_dir()
            else "is not there"
        )
        raise InputError(f"{directory} {state}: wanted a directory that akd-convert (scripts/convert_teacher.py) wrote")
    try:
        values = files.read_json(directory / workdir.TEACHER)
        teacher = TeacherInfo(**values | {key: tuple(values[key]) for key in ("mean", "std")})
        if teacher.arch not in MODELS:
            raise ValueError(f"its architecture {teacher.arch!r} is unknown")
        return teacher
    except (InputError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{directory} holds no teacher that akd-convert (scripts/convert_teacher.py) wrote ({error})"
        ) from None
