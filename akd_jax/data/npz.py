"""Images of one's own in an `.npz`: uint8 `x_<split>` [N, H, W(, C)] and `y_<split>` [N]; `x`, `y` are `test`."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from akd_jax.data.images import Part, part
from akd_jax.data.source import Source
from akd_jax.errors import InputError


def open_npz(path: Path) -> Source:
    """The file's splits. Raises InputError if it is not there or not of that form."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    with _arrays(path) as arrays:
        ends = {name[2:] or "test": name[1:] for name in arrays if name == "x" or name.startswith("x_")}
        if not ends:
            raise KeyError("it has no x")
        if {"x", "x_test"} <= set(arrays):
            raise KeyError("x and x_test would both be the split test")
        sizes = {split: len(arrays[f"y{end}"]) for split, end in ends.items()}
    return Source(sizes, (), lambda splits: [_read(path, ends[split]) for split in splits])


def _read(path: Path, end: str) -> Part:
    with _arrays(path) as arrays:
        images, labels = (arrays[f"{kind}{end}"] for kind in "xy")
    return part(str(path), images[..., None] if images.ndim == 3 else images, labels)


@contextmanager
def _arrays(path: Path) -> Iterator[NpzFile]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except (KeyError, ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: wanted an .npz with uint8 x [N, H, W, C] and y [N] ({error})") from error
