"""Labelled images in memory, and what must hold for them."""

from typing import NamedTuple

import numpy as np

from akd_jax.errors import InputError

CHANNELS = (1, 3)  # of grey images and of colours


class Images(NamedTuple):
    """images: uint8 [N, H, W, C]; labels: int32 [N], counted from 0; names: of the classes, () where not known."""

    images: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...] = ()


class Splits(NamedTuple):
    """held: images, each once; indices: split -> the positions of its images in them, int [n], in its own order."""

    held: Images
    indices: dict[str, np.ndarray]


class Part(NamedTuple):
    """One whole split: images uint8 [N, H, W, C], labels int32 [N].

    official: int [N], the positions of its images in the order of the archive that they came from.
    """

    images: np.ndarray
    labels: np.ndarray
    official: np.ndarray


def part(what: str, images: np.ndarray, labels: np.ndarray, official: np.ndarray | None = None) -> Part:
    """The arrays as a Part. official: None where the order is the archive's. what: for the message.

    Raises InputError unless images are uint8 [N, H, W, C] and labels whole numbers from 0, one an image.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
        raise InputError(f"{what}: images are {images.dtype} {images.shape}, wanted uint8 [N, H, W, C]")
    if images.shape[1] in CHANNELS and images.shape[3] not in CHANNELS:
        raise InputError(f"{what}: images are {images.shape}, channels first: use x.transpose(0, 2, 3, 1)")
    if labels.ndim == 2:
        use = "y[:, 0]" if labels.shape[1] == 1 else "y.argmax(1) if they are one-hot"
        raise InputError(f"{what}: labels are {labels.shape}, wanted one an image: use {use}")
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise InputError(f"{what}: labels are {labels.dtype} {labels.shape}, wanted whole numbers from 0, one an image")
    if len(labels) != len(images):
        raise InputError(f"{what} has {len(images)} images but {len(labels)} labels, wanted one an image")
    if labels.min() < 0:
        raise InputError(f"{what} has the label {labels.min()}, wanted whole numbers from 0")
    return Part(images, labels.astype(np.int32), np.arange(len(images)) if official is None else official)


def check(held: Images, what: str, *, shape: tuple[int, int, int], classes: int) -> None:
    """Raises InputError unless the images are of this shape and the labels of these classes. what: for the message."""
    if held.images.shape[1:] != shape:
        raise InputError(f"{what} has images of {held.images.shape[1:]}, wanted {shape}: the game's size and channels")
    if held.names and len(held.names) != classes:
        count = "1 class" if len(held.names) == 1 else f"{len(held.names)} classes"
        raise InputError(f"{what} has {count}, but the teacher knows {classes}: other data")
    if held.labels.max() >= classes:
        raise InputError(
            f"{what} has the label {held.labels.max()}, but the teacher knows {classes} classes, 0 to {classes - 1}"
        )
