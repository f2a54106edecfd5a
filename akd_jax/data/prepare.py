"""CIFAR made ready: from an archive that is there, else downloaded. Safe to kill, and to run twice at once."""

import fcntl
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from akd_jax.data import archive, prepared
from akd_jax.data.cifar import CIFARS, ORIGIN, Cifar
from akd_jax.data.download import Unreachable, download, reachable
from akd_jax.data.layouts import Contents
from akd_jax.errors import DataMissing, InputError


def prepare(name: str, data_dir: str | None = None, *, given: Path | None = None, trust: bool = False) -> Path:
    """The folder of the prepared data; they are prepared first if they are not yet.

    given: an archive, or a folder unpacked from one; else it is looked for in `downloads/manual`, then downloaded.
    trust: takes it whatever its checksum.
    Raises DataMissing where there is nothing to prepare from, InputError for an archive that cannot be used; nothing
    is written then.
    """
    cifar = CIFARS[name]
    goal = prepared.folder(name, data_dir)
    if prepared.is_prepared(goal):
        return goal
    root = prepared.directory(data_dir)
    source = given or _placed(cifar, root)
    if source is None:
        if not reachable(_url(cifar)):
            raise _missing(cifar, root, f"{_url(cifar)} cannot be reached")
    elif not source.exists():
        raise InputError(f"{source}: no such file or folder")
    elif not trust:
        archive.verify(source, cifar)
    contents = archive.read(source, cifar) if source else None  # before anything is written
    with _lock(root, name):
        if not prepared.is_prepared(goal):
            source = source or _downloaded(cifar, root)
            _build(cifar, contents or archive.read(source, cifar), source, root)
    return goal


def _build(cifar: Cifar, contents: Contents, source: Path, root: Path) -> None:
    from akd_jax.data.builder import build

    for left in (root / cifar.name).glob(f"incomplete.*_{prepared.VERSION}"):  # by a run that was killed
        shutil.rmtree(left)
    _say(f"preparing {cifar.name} from {source} in {root}, once, a minute or so")
    build(cifar.name, contents, root)


def _placed(cifar: Cifar, root: Path) -> Path | None:
    places = [_place(root) / each.file for each in (cifar.binary, cifar.python)]
    return next((place for place in places if place.is_file()), None)


def _downloaded(cifar: Cifar, root: Path) -> Path:
    goal = _place(root) / cifar.binary.file
    _say(f"{cifar.name} is not prepared in {root}: downloading {_url(cifar)}, {cifar.binary.size:,} bytes")
    try:
        download(_url(cifar), goal, sha256=cifar.binary.sha256)
    except Unreachable as error:
        raise _missing(cifar, root, str(error)) from error
    return goal


def _place(root: Path) -> Path:
    return root / "downloads" / "manual"


def _url(cifar: Cifar) -> str:
    return f"{ORIGIN}/{cifar.binary.file}"


def _missing(cifar: Cifar, root: Path, why: str) -> DataMissing:
    wanted = cifar.binary
    return DataMissing(
        f"{cifar.name} is not prepared in {root}, and {why}: put {wanted.file} ({wanted.size:,} bytes, "
        f"sha256 {wanted.sha256}) into {_place(root)}, then run scripts/prepare_data.py {cifar.name} --data_dir {root}"
    )


@contextmanager
def _lock(root: Path, name: str) -> Iterator[None]:
    """One process at a time; the lock goes with the process that holds it."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = (root / f".{name}.lock").open("w")
    except OSError as error:
        raise InputError(f"{root} cannot be written to ({error.strerror}): give another --data_dir") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"another process prepares {name} in {root}: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _say(line: str) -> None:
    tqdm.write(line, file=sys.stderr)
