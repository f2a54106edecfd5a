"""The two layouts in which CIFAR is published: binary records, and pickled dicts of arrays."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np

from akd_jax.data.cifar import Cifar
from akd_jax.data.pickles import read_record
from akd_jax.errors import InputError

PIXELS = 3 * 32 * 32


class Labelled(NamedTuple):
    """images: uint8 [N, 32, 32, 3]; labels: label -> int [N]."""

    images: np.ndarray
    labels: dict[str, np.ndarray]


class Contents(NamedTuple):
    """names: label -> names of its classes; splits: split -> its images in the archive's order."""

    names: dict[str, list[str]]
    splits: dict[str, Labelled]


class Layout(NamedTuple):
    """members: names in the folder, all needed. parse: their bytes, by name, to what they hold; raises InputError."""

    folder: str
    members: tuple[str, ...]
    parse: Callable[[Mapping[str, bytes]], Contents]


def layouts(cifar: Cifar) -> tuple[Layout, ...]:
    """The layouts of the binary and of the python archive, in this order."""
    binary = [member for members in cifar.binary.splits.values() for member in members]
    python = [member for members in cifar.python.splits.values() for member in members]
    names = [label.binary_names for label in cifar.labels.values()]
    return (
        Layout(cifar.binary.folder, (*binary, *names), partial(_parse_binary, cifar)),
        Layout(cifar.python.folder, (*python, cifar.meta), partial(_parse_python, cifar)),
    )


def _parse_binary(cifar: Cifar, members: Mapping[str, bytes]) -> Contents:
    """Records of one byte a label and 3072 of pixels; names one a line."""

    def read(member: str) -> Labelled:
        length = len(cifar.labels) + PIXELS
        if len(members[member]) % length:
            raise InputError(f"{member} has {len(members[member]):,} bytes, wanted a multiple of {length:,}")
        records = np.frombuffer(members[member], np.uint8).reshape(-1, length)
        labels = {name: records[:, column] for column, name in enumerate(cifar.labels)}
        return _labelled(cifar, member, records[:, len(cifar.labels) :], labels)

    names = {name: members[label.binary_names].decode("latin1").split() for name, label in cifar.labels.items()}
    return _contents(cifar, names, cifar.binary.splits, read)


def _parse_python(cifar: Cifar, members: Mapping[str, bytes]) -> Contents:
    """Dicts of `data`, uint8 [N, 3072], and lists of labels."""

    def values(member: str, *keys: str) -> list:
        try:
            record = read_record(members[member])
        except InputError as error:
            raise InputError(f"{member} {error}") from None
        if missing := [key for key in keys if key not in record]:
            raise InputError(f"{member} has no {missing[0]!r}")
        return [np.asarray(record[key]) for key in keys]

    def read(member: str) -> Labelled:
        planes, *labels = values(member, "data", *(label.values for label in cifar.labels.values()))
        return _labelled(cifar, member, planes, dict(zip(cifar.labels, labels, strict=True)))

    found = values(cifar.meta, *(label.python_names for label in cifar.labels.values()))
    names = {name: array.tolist() for name, array in zip(cifar.labels, found, strict=True)}
    return _contents(cifar, names, cifar.python.splits, read)


def _labelled(cifar: Cifar, member: str, planes: np.ndarray, labels: dict[str, np.ndarray]) -> Labelled:
    """planes: [N, 3072], red, green and blue, each row by row."""
    if planes.dtype != np.uint8 or planes.shape[1:] != (PIXELS,) or not len(planes):
        raise InputError(f"{member} has images of {planes.dtype} {planes.shape}, wanted uint8 [N, {PIXELS}]")
    for name, label in cifar.labels.items():
        found = labels[name]
        if found.shape != planes.shape[:1] or found.dtype.kind not in "iu":
            raise InputError(f"{member} has {len(planes)} images, but {name}s {found.dtype} {found.shape}")
        if found.min() < 0 or found.max() >= label.classes:
            wrong = found.min() if found.min() < 0 else found.max()
            raise InputError(f"{member} has the {name} {wrong}, wanted 0 to {label.classes - 1}")
    return Labelled(planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels)


def _contents(
    cifar: Cifar,
    names: dict[str, list[str]],
    splits: dict[str, tuple[str, ...]],
    read: Callable[[str], Labelled],
) -> Contents:
    """The members of each split one after another."""
    for name, label in cifar.labels.items():
        if len(set(names[name])) != label.classes:
            raise InputError(f"names {len(names[name])} classes as {name}, wanted {label.classes} different ones")
    joined = {}
    for split, members in splits.items():
        images, labels = zip(*map(read, members), strict=True)
        joined[split] = Labelled(
            np.concatenate(images), {name: np.concatenate([each[name] for each in labels]) for name in cifar.labels}
        )
    return Contents(names, joined)
