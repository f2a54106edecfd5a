"""Teachers on disk: a directory with `teacher.json` (what it is) and its arrays; or a PyTorch checkpoint."""

import dataclasses
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from akd_jax import checkpoint
from akd_jax.config import TeacherConfig
from akd_jax.convert.names import find_state_dict, to_variables
from akd_jax.convert.reader import read_checkpoint
from akd_jax.data import Images
from akd_jax.errors import InputError
from akd_jax.evaluate import predict, top1
from akd_jax.models import MODELS, make_classifier, parameter_count
from akd_jax.types import Network, Variables

INFO, ARRAYS = "teacher.json", "variables"


@dataclass(frozen=True)
class Teacher:
    """What a teacher is, apart from its arrays.

    arch: a name of MODELS. mean, std: of (x / 255 - mean) / std, one a channel. source: the file it came from,
    and that file's digest. digest: of the arrays, "sha256:...".
    top1: measured on the test part of the data that the key names.
    """

    arch: str
    classes: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    parameters: int
    source: str
    source_digest: str
    digest: str
    top1: dict[str, float] = field(default_factory=dict)

    def network(self, image_size: int, dtype=None) -> Network:
        return make_classifier(self.arch, self.classes, image_size=image_size, dtype=dtype)


def convert(
  path: Path, *, arch: str, mean: tuple[float, ...], std: tuple[float, ...], classes: int | None = None,
  key: str | None = None,
) -> tuple[Teacher, Variables]:  # fmt: skip
    """A PyTorch checkpoint of the architecture `arch`. Raises InputError; nothing in the file is executed."""
    if arch not in MODELS:
        raise InputError(f"architecture {arch!r} is unknown; give one of {', '.join(MODELS)}")
    content = read_checkpoint(path)
    try:
        state_dict = find_state_dict(content, key)
    except InputError as error:
        raise InputError(f"{path} {error}") from None
    heads = [v for name, v in state_dict.items() if name.endswith(("fc.weight", "linear.weight")) and v.ndim == 2]
    found = len(heads[0]) if heads else 0
    classes = classes or found
    channels = next((value.shape[1] for value in state_dict.values() if value.ndim == 4), 0)
    if not classes or not channels:
        raise InputError(f"{path}: has no convolution or no classifier named fc or linear; it is no {arch}")
    if len(mean) != channels or len(std) != channels:
        raise InputError(f"{path} takes {channels} channels: give a mean and a std for each")
    images = jax.ShapeDtypeStruct((1, 32, 32, channels), jnp.float32)
    expected = jax.eval_shape(MODELS[arch].network(classes).init, jax.random.key(0), images)
    try:
        variables = to_variables(state_dict, expected)
    except InputError as error:
        raise InputError(f"{path}, read as {arch} with {classes} classes, {error}") from None
    source_digest = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    teacher = Teacher(
    arch, classes, channels, mean, std, parameter_count(variables), str(path), source_digest,
    checkpoint.digest(variables),
  )  # fmt: skip
    return teacher, variables


def save(directory: Path, teacher: Teacher, variables: Variables, *, overwrite: bool = False) -> None:
    """Writes the teacher beside the goal first, so that an interruption leaves nothing half done."""
    if directory.exists() and not overwrite:
        raise InputError(f"{directory} exists: give --overwrite, or another --out")
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


def load(config: TeacherConfig) -> tuple[Teacher, Variables]:
    """The teacher at `config.path`, converted on the way in if it is a file. Raises InputError."""
    path = Path(config.path)
    if not path.exists():
        raise InputError(
            f"no teacher at {path}: give --config.teacher.path a PyTorch checkpoint (.pth), or a directory that "
            "scripts/convert_teacher.py wrote"
        )
    if path.is_dir():
        return read(path)
    return convert(path, arch=config.arch, mean=config.mean, std=config.std)


def read(directory: Path) -> tuple[Teacher, Variables]:
    """The teacher that `save` wrote. Raises InputError where it is none, or its arrays are not those it saved."""
    teacher = read_info(directory)
    images = jax.ShapeDtypeStruct((1, 32, 32, teacher.channels), jnp.float32)
    expected = jax.eval_shape(teacher.network(32).init, jax.random.key(0), images)
    try:
        variables = jax.tree.map(np.asarray, checkpoint.restore_tree(directory / ARRAYS, expected))
    except (OSError, ValueError) as error:
        raise InputError(f"{directory}: its arrays cannot be read ({error!s:.200}): convert it again") from None
    if checkpoint.digest(variables) != teacher.digest:
        raise InputError(f"{directory}: its arrays are not those that were saved: convert it again")
    return teacher, variables


def write_info(directory: Path, teacher: Teacher) -> None:
    """Writes `teacher.json` into the directory."""
    (directory / INFO).write_text(json.dumps(dataclasses.asdict(teacher), indent=2) + "\n")


def read_info(directory: Path) -> Teacher:
    """What `teacher.json` in the directory says. Raises InputError where it is missing or broken."""
    try:
        values = json.loads((directory / INFO).read_text())
        teacher = Teacher(**values | {key: tuple(values[key]) for key in ("mean", "std")})
        if teacher.arch not in MODELS:
            raise ValueError(f"its architecture {teacher.arch!r} is unknown")
        return teacher
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{directory} holds no teacher that scripts/convert_teacher.py wrote ({error})") from None


def measure_top1(teacher: Teacher, variables: Variables, held: Images, *, batch_size: int = 250) -> float:
    """The share of `held` that the teacher classifies rightly. Raises InputError for images of other channels."""
    if held.images.shape[-1] != teacher.channels:
        raise InputError(f"the data have {held.images.shape[-1]} channels, the teacher takes {teacher.channels}")
    network = teacher.network(held.images.shape[1])
    predicted = jax.jit(
        lambda variables, images: predict(
            network, variables, images, mean=jnp.array(teacher.mean), std=jnp.array(teacher.std), batch_size=batch_size
        )
    )
    return float(top1(predicted(variables, held.images), held.labels))
