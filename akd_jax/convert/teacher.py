"""A PyTorch checkpoint becomes a teacher: its record and its arrays. Nothing is written."""

from pathlib import Path

from akd_jax import digest, files
from akd_jax.convert.architecture import channels_of, classes_of, compare, recognise, stem_of, variable_shapes
from akd_jax.convert.layouts import Shapes, shapes_of, to_variables
from akd_jax.convert.reader import read_checkpoint
from akd_jax.convert.state_dict import find_state_dict
from akd_jax.errors import InputError
from akd_jax.models import MODELS, parameter_count
from akd_jax.teacher import TeacherInfo
from akd_jax.types import Variables

AUTO = "auto"


def convert(
    path: Path,
    *,
    arch: str,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    classes: int | None = None,
    key: str | None = None,
) -> tuple[TeacherInfo, Variables]:
    """A PyTorch checkpoint as a teacher. Raises InputError; nothing in the file is executed.

    arch: a name of MODELS, or AUTO for the one that its tensors fit. classes: None for as many as the last layer has.
    key: where the state dict is, dotted, if there are several.
    """
    if arch not in (AUTO, *MODELS):
        raise InputError(
            f"architecture {arch!r} (--arch, teacher.arch) is unknown; give {AUTO} or one of {', '.join(MODELS)}"
        )
    content = read_checkpoint(path)
    try:
        found = find_state_dict(content, key)
        shapes = shapes_of(found.tensors)
        _check_size(shapes)
        fit = recognise(shapes) if arch == AUTO else None
    except InputError as error:
        raise InputError(f"{path} {error}") from None
    arch = fit.arch if fit else arch
    classes, channels = classes or classes_of(shapes), channels_of(shapes)
    expected = variable_shapes(arch, classes, channels)
    layout = (fit or compare(shapes, arch, expected)).layout
    try:
        variables = to_variables(found.tensors, expected, layout)
    except InputError as error:
        raise InputError(f"{path}, read as {arch}, {error}{_another(shapes, arch)}") from None
    if len(mean) != channels or len(std) != channels:
        raise InputError(f"{path} takes {channels} channels: give a mean and a std for each")
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
        layout=layout,
        key=found.key,
    )
    return teacher, variables


def _check_size(shapes: Shapes) -> None:
    if stem_of(shapes) == 7 and classes_of(shapes) == 1000:
        raise InputError(
            "is an ImageNet network (7x7 stem, 1,000 classes), which small images say little to: train it on your own "
            "classes first, then convert that"
        )


def _another(shapes: Shapes, arch: str) -> str:
    try:
        fit = recognise(shapes)
    except InputError:
        return ""
    return f"; it fits {fit.arch}" if fit.arch != arch else ""
