"""Teachers on disk: a directory with `teacher.json` (what it is) and its arrays; or a PyTorch checkpoint."""

import dataclasses
import hashlib
import os
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from akd_jax import checkpoint, files, workdir
from akd_jax.config import TeacherConfig
from akd_jax.convert.names import find_state_dict, to_variables
from akd_jax.convert.reader import read_checkpoint
from akd_jax.errors import InputError
from akd_jax.models import MODELS, parameter_count
from akd_jax.teacher import Teacher
from akd_jax.types import Variables

ARRAYS = "variables"
HEADS = ("fc.weight", "linear.weight", "classifier.weight")


def convert(
    path: Path,
    *,
    arch: str,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    classes: int | None = None,
    key: str | None = None,
) -> tuple[Teacher, Variables]:
    """A PyTorch checkpoint of the architecture `arch`. Raises InputError; nothing in the file is executed.

    classes: None for as many as the last layer has. key: where the state dict is, if in no usual place.
    """
    if arch not in MODELS:
        raise InputError(f"architecture {arch!r} is unknown; give one of {', '.join(MODELS)}")
    content = read_checkpoint(path)
    try:
        state_dict = find_state_dict(content, key)
    except InputError as error:
        raise InputError(f"{path} {error}") from None
    heads = [v for name, v in state_dict.items() if name.endswith(HEADS) and v.ndim == 2]
    found = len(heads[0]) if heads else 0
    classes = classes or found
    channels = next((value.shape[1] for value in state_dict.values() if value.ndim == 4), 0)
    if not classes or not channels:
        raise InputError(f"{path}: has no convolution or no layer named fc, linear or classifier; it is no {arch}")
    if len(mean) != channels or len(std) != channels:
        raise InputError(f"{path} takes {channels} channels: give a mean and a std for each")
    try:
        variables = to_variables(state_dict, _expected(arch, classes, channels))
    except InputError as error:
        raise InputError(f"{path}, read as {arch} with {classes} classes, {error}") from None
    source_digest = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    teacher = Teacher(
        arch=arch,
        classes=classes,
        channels=channels,
        mean=mean,
        std=std,
        parameters=parameter_count(variables),
        source=str(path),
        source_digest=source_digest,
        digest=checkpoint.digest(variables),
    )
    return teacher, variables


def save(directory: Path, teacher: Teacher, variables: Variables, *, overwrite: bool = False) -> None:
    """Writes the teacher beside the goal first, so that an interruption leaves nothing half done.

    overwrite: replaces a directory that `save` wrote, and no other. Raises InputError for any that may not be replaced.
    """
    check_replaceable(directory, overwrite=overwrite)
    directory = directory.absolute()
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}.") as scratch:
        new = Path(scratch) / "teacher"
        new.mkdir()
        checkpoint.save_tree(new / ARRAYS, variables)
        write_info(new, teacher)
        if directory.exists():
            os.rename(directory, Path(scratch) / "old")
        os.rename(new, directory)


def check_replaceable(directory: Path, *, overwrite: bool) -> None:
    """Raises InputError where something is in the way that is no teacher, or a teacher that shall stay."""
    if not directory.exists():
        return
    if not overwrite:
        raise InputError(f"{directory} exists: give --overwrite, or another --out")
    if not directory.is_dir() or {path.name for path in directory.iterdir()} - {workdir.TEACHER, ARRAYS}:
        raise InputError(
            f"{directory} holds other things than a converted teacher, which are not replaced: another --out"
        )


def load(config: TeacherConfig) -> tuple[Teacher, Variables]:
    """The teacher at `config.path`, converted on the way in if it is a file. Raises InputError."""
    path = Path(config.path)
    if not path.exists():
        raise InputError(
            f"no teacher at {path}: give --config.teacher.path a PyTorch checkpoint (.pth), or a directory that "
            "akd-convert (scripts/convert_teacher.py) wrote"
        )
    if path.is_dir():
        return read(path)
    return convert(path, arch=config.arch, mean=config.mean, std=config.std)


def read(directory: Path) -> tuple[Teacher, Variables]:
    """The teacher that `save` wrote. Raises InputError where it is none, or its arrays are not those it saved."""
    teacher = read_info(directory)
    expected = _expected(teacher.arch, teacher.classes, teacher.channels)
    try:
        variables = jax.tree.map(np.asarray, checkpoint.restore_tree(directory / ARRAYS, expected))
    except (OSError, ValueError) as error:
        raise InputError(f"{directory}: its arrays cannot be read ({error!s:.200}): convert it again") from None
    if checkpoint.digest(variables) != teacher.digest:
        raise InputError(f"{directory}: its arrays are not those that were saved: convert it again")
    return teacher, variables


def write_info(directory: Path, teacher: Teacher) -> None:
    """Writes `teacher.json` into the directory."""
    files.write_json(directory / workdir.TEACHER, dataclasses.asdict(teacher))


def read_info(directory: Path) -> Teacher:
    """What `teacher.json` in the directory says. Raises InputError where it is missing or broken."""
    try:
        values = files.read_json(directory / workdir.TEACHER)
        teacher = Teacher(**values | {key: tuple(values[key]) for key in ("mean", "std")})
        if teacher.arch not in MODELS:
            raise ValueError(f"its architecture {teacher.arch!r} is unknown")
        return teacher
    except (InputError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{directory} holds no teacher that akd-convert (scripts/convert_teacher.py) wrote ({error})"
        ) from None


def _expected(arch: str, classes: int, channels: int) -> Variables:
    """The shapes of such a network's arrays. No network's arrays depend on the size of its images."""
    images = jax.ShapeDtypeStruct((1, 32, 32, channels), jnp.float32)
    return jax.eval_shape(MODELS[arch].network(classes).init, jax.random.key(0), images)
