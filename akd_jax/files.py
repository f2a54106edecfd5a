"""Files that are whole or not there: written beside the goal, then moved onto it; and their checksums."""

import fcntl
import glob
import hashlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from akd_jax.errors import InputError

SCRATCH = ".akd_new"


def write_text(path: Path, text: str) -> None:
    """As `write_bytes`."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """A reader, or a kill, never meets half of it."""
    scratch = path.with_name(f".{path.name}.tmp")
    try:
        scratch.write_bytes(data)
        os.replace(scratch, path)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise


@contextmanager
def new_directory(directory: Path) -> Iterator[Path]:
    """A directory to fill, beside the goal; it takes the goal's place at the end, unless something was raised.

    Processes that were killed meanwhile are tidied up after, as `tidy` does it.
    """
    directory = directory.absolute()
    directory.parent.mkdir(parents=True, exist_ok=True)
    tidy(directory.parent, glob.escape(directory.name))
    with (
        tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}.", suffix=SCRATCH) as scratch,
        _claimed(Path(scratch)),
    ):
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        new.mkdir()
        yield new
        try:
            if directory.exists():
                os.rename(directory, old)
            os.rename(new, directory)
        except BaseException:
            if old.exists() and not directory.exists():
                os.rename(old, directory)
            raise


def tidy(directory: Path, goals: str = "*") -> None:
    """Removes what killed processes left in `directory` of the new directories that they filled there.

    goals: pattern of the names that those were to have. One that was killed while the old directory gave way to the
    new has the new, which was whole, put in its place.
    """
    for left in directory.glob(f".{goals}.*{SCRATCH}"):
        with _claimed(left) as dead:
            if not dead:
                continue
            goal = directory / left.name.removesuffix(SCRATCH).rpartition(".")[0].removeprefix(".")
            if (left / "old").exists() and not goal.exists():
                os.rename(left / "new", goal)
            shutil.rmtree(left)


@contextmanager
def _claimed(directory: Path) -> Iterator[bool]:
    """Whether it is this process's alone; a claim ends with the process, however that ends."""
    number = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # it is another's, or the file system has no locks
            yield False
        else:
            yield True
    finally:
        os.close(number)


def check_replaceable(directory: Path, own: Collection[str], kind: str, *, overwrite: bool) -> None:
    """Raises InputError where something is in the way that is none of the kind, or one of it that shall stay.

    own: the names that such a directory holds, and no others.
    """
    if not directory.exists():
        return
    if not directory.is_dir() or {path.name for path in directory.iterdir()} - set(own):
        raise InputError(f"{directory} exists and is no {kind}, so it stays: give another --out")
    if not overwrite:
        raise InputError(f"{directory} exists: give --overwrite, or another --out")


def set_aside(path: Path, directory: Path) -> None:
    """Moves it into the directory, under its own name or the first of NAME_2, NAME_3, ... that is free there."""
    directory.mkdir(exist_ok=True)
    names = itertools.chain([path.name], (f"{path.name}_{count}" for count in itertools.count(2)))
    os.rename(path, next(directory / name for name in names if not (directory / name).exists()))


def read_through(directory: Path) -> None:
    """Raises OSError where the disk refuses any file in it."""
    for path in directory.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(1 << 24):
                    pass


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Raises ValueError for NaN and infinity, which JSON does not have."""
    write_text(path, json.dumps(values, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Raises InputError if it is missing or broken."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error})") from None


def sha256(path: Path) -> str:
    """The file's digest in hexadecimal, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
