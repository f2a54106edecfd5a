"""Labelled images for evaluation, by name: whole splits as uint8 arrays."""

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from akd_jax.digits import load_digits_split
from akd_jax.errors import InputError


class Images(NamedTuple):
    """images: uint8 [N, H, W, C]; labels: int32 [N], counted from 0; names: of the classes, () if unknown."""

    images: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...] = ()


class Splits(NamedTuple):
    """held: the images of several splits. indices: split -> positions [n] of its images."""

    held: Images
    indices: dict[str, np.ndarray]


def load_splits(name: str, specs: Sequence[str], data_dir: str | None = None) -> Splits:
    """Several splits of one source. Raises InputError as `load` does."""
    parts = [load(name, spec, data_dir) for spec in specs]
    ends = np.cumsum([len(part.labels) for part in parts])
    indices = {spec: np.arange(end - len(part.labels), end) for spec, part, end in zip(specs, parts, ends, strict=True)}
    return Splits(
        Images(*(np.concatenate(arrays) for arrays in zip(*(part[:2] for part in parts), strict=True))), indices
    )


def load(name: str, split: str, data_dir: str | None = None) -> Images:
    """A split of `digits`, of `cifar10` or `cifar100` as tensorflow-datasets prepared them in `data_dir`, or of
    an `.npz` file: uint8 `x_<split>` [N, H, W(, C)] and `y_<split>` [N], or `x` and `y` for any split.

    Raises InputError if it is not there or not of that form.
    """
    if name == "digits":
        return Images(*_digits(split))
    if name in ("cifar10", "cifar100"):
        return _prepared(name, split, data_dir)
    if name.endswith(".npz"):
        return _npz(Path(name), split)
    raise InputError(f"data {name!r} is unknown: give cifar10, cifar100, digits or the path of an .npz file")


def _digits(split: str) -> tuple[np.ndarray, np.ndarray]:
    splits = ("train", "validation", "test")
    if split not in splits:
        raise InputError(f"digits has no split {split!r}: give one of {', '.join(splits)}")
    return load_digits_split(split)


def _prepared(name: str, split: str, data_dir: str | None) -> Images:
    import tensorflow_datasets as tfds  # half a second that nobody else should wait for

    try:
        builder = tfds.builder(name, data_dir=data_dir, file_format="array_record")
        source = builder.as_data_source(split)
        records = source.__getitems__(range(len(source)))
    except (OSError, ValueError, KeyError, AssertionError, NotImplementedError) as error:
        where = data_dir or "tensorflow-datasets' own folder"
        raise InputError(f"{name} is not prepared in {where} ({error!s:.200})") from error
    return _checked(
        name,
        np.stack([record["image"] for record in records]),
        np.array([record["label"] for record in records]),
    )


def _npz(path: Path, split: str) -> Images:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            images, labels = (arrays[f"{k}_{split}" if f"{k}_{split}" in arrays else k] for k in "xy")
    except (KeyError, ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: wanted an .npz with uint8 x [N, H, W, C] and y [N] ({error})") from error
    return _checked(str(path), images[..., None] if images.ndim == 3 else images, labels)


def _checked(name: str, images: np.ndarray, labels: np.ndarray) -> Images:
    if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
        raise InputError(f"{name}: images are {images.dtype} {images.shape}, wanted uint8 [N, H, W, C]")
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise InputError(f"{name}: labels are {labels.dtype} {labels.shape}, wanted whole numbers from 0, one an image")
    return Images(images, labels.astype(np.int32))


def check(held: Images, what: str, *, shape: tuple[int, int, int], classes: int) -> None:
    """Raises InputError unless the images are of this shape and the labels of these classes. what: for the message."""
    if held.images.shape[1:] != shape:
        raise InputError(f"{what} has images of {held.images.shape[1:]}, wanted {shape}: the game's size and channels")
    if held.labels.max() >= classes:
        raise InputError(
            f"{what} has the label {held.labels.max()}, but the teacher knows {classes} classes, 0 to {classes - 1}"
        )
