"""The official CIFAR archives, packed or unpacked. Members are read by their exact names, never extracted."""

import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from akd_jax.data.cifar import CIFARS, Cifar
from akd_jax.data.layouts import Contents, Layout, layouts
from akd_jax.errors import InputError
from akd_jax.files import sha256


def verify(path: Path, cifar: Cifar) -> None:
    """Raises InputError, with what was expected and found, unless `path` is an official archive of `cifar`."""
    if path.is_dir():
        raise InputError(f"{path} is a folder, which has no checksum: give --trust if you trust it")
    official = (cifar.binary, cifar.python)
    expected = [archive for archive in official if archive.file == path.name] or official
    found = sha256(path)
    if found in [archive.sha256 for archive in expected]:
        return
    for other in _others(cifar):
        if any(path.name == archive.file or found == archive.sha256 for archive in (other.binary, other.python)):
            raise InputError(f"{path} is an archive of {other.name}, wanted one of {cifar.name}")
    wanted = " or ".join(f"{archive.sha256} ({archive.file}, {archive.size:,} bytes)" for archive in expected)
    raise InputError(
        f"{path} has another checksum: expected sha256 {wanted}, found {found} ({path.stat().st_size:,} bytes); "
        "get it again, or give scripts/prepare_data.py --trust if you trust it"
    )


def read(path: Path, cifar: Cifar) -> Contents:
    """What the archive, the folder unpacked from it, or the one around that, holds.

    Raises InputError where it is not of the layout.
    """
    known = layouts(cifar)
    found = _members(path, known)
    layout = max(known, key=lambda layout: sum(f"{layout.folder}/{name}" in found for name in layout.members))
    missing = [name for name in layout.members if f"{layout.folder}/{name}" not in found]
    if len(missing) == len(layout.members):
        others = "".join(f", but {other.name}" for other in _others(cifar) if _members(path, layouts(other)))
        folders = " and no ".join(layout.folder for layout in known)
        raise InputError(f"{path} holds no {folders} of {cifar.name}{others}")
    if missing:
        raise InputError(f"{path} lacks {layout.folder}/{missing[0]}: get it again")
    try:
        return layout.parse({name: found[f"{layout.folder}/{name}"] for name in layout.members})
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _others(cifar: Cifar) -> list[Cifar]:
    return [other for other in CIFARS.values() if other.name != cifar.name]


def _members(path: Path, known: Iterable[Layout]) -> dict[str, bytes]:
    """Those of the layouts' members that are there, by their paths. Links are no members."""
    wanted = {f"{layout.folder}/{name}" for layout in known for name in layout.members}
    if path.is_dir():
        places = [(name, place) for name in wanted for place in (path / Path(name).name, path / name)]
        return {name: place.read_bytes() for name, place in places if place.is_file()}
    try:
        with tarfile.open(path, "r:gz") as tar:
            return {m.name: tar.extractfile(m).read() for m in tar if m.name in wanted and m.isfile()}
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise InputError(f"{path} is no whole .tar.gz ({error}): get it again") from None
