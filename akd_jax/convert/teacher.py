"""A PyTorch checkpoint becomes a teacher: its record and its arrays. Nothing is written."""

from pathlib import Path

import jax
import jax.numpy as jnp

from akd_jax import digest, files
from akd_jax.convert.layouts import nearest_layout, to_variables
from akd_jax.convert.reader import read_checkpoint
from akd_jax.convert.state_dict import find_state_dict
from akd_jax.errors import InputError
from akd_jax.models import MODELS, parameter_count
from akd_jax.teacher import TeacherInfo
from akd_jax.types import Variables

HEADS = ("fc.weight", "linear.weight", "classifier.weight")


def convert(
    path: Path,
    *,
    arch: str,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    classes: int | None = None,
    key: str | None = None,
) -> tuple[TeacherInfo, Variables]:
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
    expected = variable_shapes(arch, classes, channels)
    try:
        variables = to_variables(state_dict, expected, nearest_layout(state_dict, expected))
    except InputError as error:
        raise InputError(f"{path}, read as {arch} with {classes} classes, {error}") from None
    teacher = TeacherInfo(
        arch=arch,
        classes=classes,
        channels=channels,
        mean=mean,
        std=std,
        parameters=parameter_count(variables),
        source=str(path),
        source_digest=f"sha256:{files.sha256(path)}",
        digest=digest.of_tree(variables),
    )
    return teacher, variables


def variable_shapes(arch: str, classes: int, channels: int) -> Variables:
    """The shapes of such a network's arrays. No network's arrays depend on the size of its images."""
    images = jax.ShapeDtypeStruct((1, 32, 32, channels), jnp.float32)
    return jax.eval_shape(MODELS[arch].network(classes).init, jax.random.key(0), images)
