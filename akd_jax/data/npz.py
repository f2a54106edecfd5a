"""Images of one's own in an `.npz` file: uint8 `x` [N, H, W(, C)] and `y` [N], or `x_<split>`, `y_<split>`."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from akd_jax.data.images import Part, part
from akd_jax.data.source import ANY, Source
from akd_jax.errors import InputError


def open_npz(path: Path) -> Source:
    """The file's splits; `x` and `y` are for any split. Raises InputError if it is not there or not of that form."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    with _arrays(path) as arrays:
        splits = [name[2:] if name[1:] else ANY for name in arrays if name == "x" or name.startswith("x_")]
        if not splits:
            raise KeyError("it has no x")
        sizes = {split: len(arrays[_key("y", split)]) for split in splits}
    return Source(sizes, (), lambda names: [_read(path, name) for name in names])


def _read(path: Path, split: str) -> Part:
    with _arrays(path) as arrays:
        images, labels = (arrays[_key(kind, split)] for kind in "xy")
    return part(str(path), images[..., None] if images.ndim == 3 else images, labels)


def _key(kind: str, split: str) -> str:
    return kind if split == ANY else f"{kind}_{split}"


@contextmanager
def _arrays(path: Path) -> Iterator[NpzFile]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except (KeyError, ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: wanted an .npz with uint8 x [N, H, W, C] and y [N] ({error})") from error
