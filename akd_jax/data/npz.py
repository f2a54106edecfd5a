"""Images of one's own in an `.npz`: uint8 `x_<split>` [N, H, W(, C)] and `y_<split>` [N]; `x`, `y` are `test`."""

import zipfile
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from akd_jax.data.images import Part, part
from akd_jax.data.source import Source
from akd_jax.errors import InputError

WANTED = "wanted uint8 x [N, H, W, C] and y [N], or x_test, y_test and so on"


def open_npz(path: Path) -> Source:
    """The file's splits. Raises InputError if it is not there or not of that form."""
    if path.is_dir():
        raise InputError(f"{path} is a directory, wanted an .npz file")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    with _load(path) as arrays:
        ends = _ends(path, arrays.files)
        sizes = {split: len(np.atleast_1d(_array(path, arrays, f"y{end}"))) for split, end in ends.items()}
    return Source(sizes, (), lambda splits: [_read(path, ends[split]) for split in splits])


def _ends(path: Path, names: list[str]) -> dict[str, str]:
    """Split -> what follows `x` and `y` in the names of its arrays."""
    ends = {name[2:] or "test": name[1:] for name in names if name == "x" or name.startswith("x_")}
    if not ends:
        raise InputError(f"{path} has no x: it holds {', '.join(names) or 'nothing'}, {WANTED}")
    if {"x", "x_test"} <= set(names):
        raise InputError(f"{path} has x and x_test, which would both be the split test: leave one out")
    for end in ends.values():
        if f"y{end}" not in names:
            raise InputError(f"{path} has x{end} but no y{end}: {WANTED}")
    return ends


def _read(path: Path, end: str) -> Part:
    with _load(path) as arrays:
        images, labels = (_array(path, arrays, f"{kind}{end}") for kind in "xy")
    return part(str(path), images[..., None] if images.ndim == 3 else images, labels)


def _load(path: Path) -> NpzFile:
    refusal = InputError(f"{path} is no whole .npz file: write it with numpy.savez(FILE, x=images, y=labels)")
    if not zipfile.is_zipfile(path):  # of numpy's other kinds none has names
        raise refusal
    try:
        return np.load(path, allow_pickle=False)
    except (zipfile.BadZipFile, ValueError) as error:
        raise refusal from error


def _array(path: Path, arrays: NpzFile, name: str) -> np.ndarray:
    refusal = InputError(f"{path}: {name} is no array of numbers, or damaged: {WANTED}")
    try:
        array = arrays[name]
    except OSError:  # of the disk, which is not the file's fault
        raise
    except Exception as error:  # whatever damaged bytes upset in zip, zlib or numpy, which also refuses objects
        raise refusal from error
    if not isinstance(array, np.ndarray):  # bytes, of a member that is no array
        raise refusal
    return array
