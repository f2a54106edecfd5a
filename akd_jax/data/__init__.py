"""Labelled images for evaluation, by name: splits as uint8 arrays."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from akd_jax import digits
from akd_jax.data import coarse
from akd_jax.data.cifar import CIFARS
from akd_jax.data.folder import open_folder
from akd_jax.data.images import Images, Splits, check, part
from akd_jax.data.npz import open_npz
from akd_jax.data.source import Source
from akd_jax.data.splits import select
from akd_jax.errors import DataMissing, InputError

__all__ = ["Images", "Splits", "check", "load", "load_splits"]


def load(name: str, split: str, data_dir: str | None = None) -> Images:
    """The images of one split, as `load_splits` finds it, in its order."""
    (images, labels, names), indices = load_splits(name, [split], data_dir)
    return Images(images[indices[split]], labels[indices[split]], names)


def load_splits(name: str, specs: Sequence[str], data_dir: str | None = None, *, fetch: bool = True) -> Splits:
    """The images that any of the splits names, each once, and where those of each split are.

    name: `cifar10` or `cifar100`, which tensorflow-datasets prepared in `data_dir` or which are prepared there now;
    `cifar100_coarse16`, the latter at half its side with its 20 coarse classes; `digits`; the path of an `.npz` file or
    of an image folder. specs: at least one, such as `test`, `test[:20%]`, `train+test`, `seed:20%` (see `splits.py`).
    fetch: False leaves a CIFAR that is not prepared as it is.
    Raises DataMissing for a CIFAR that is not there and cannot be had, else InputError: for an unknown name or split,
    or data that are damaged or not of the form.
    """
    source = _open(name, specs, data_dir, fetch)
    terms = {spec: select(name, spec, source.sizes) for spec in specs}
    splits = list(dict.fromkeys(term.split for each in terms.values() for term in each))
    parts = dict(zip(splits, source.read(splits), strict=True))
    shapes = {found.images.shape[1:] for found in parts.values()}
    if len(shapes) > 1:
        raise InputError(f"{name} has images of several shapes: {', '.join(map(str, sorted(shapes)))}")
    starts = dict(zip(splits, np.cumsum([0, *(len(found.labels) for found in parts.values())]), strict=False))
    chosen = {}
    for spec, each in terms.items():
        places = [
            starts[term.split] + (parts[term.split].official[term.positions] if term.official else term.positions)
            for term in each
        ]
        chosen[spec] = np.concatenate(places)
    used = np.unique(np.concatenate(list(chosen.values())))
    images, labels, _ = (np.concatenate(arrays) for arrays in zip(*parts.values(), strict=True))
    indices = {spec: np.searchsorted(used, places) for spec, places in chosen.items()}
    return Splits(Images(images[used], labels[used], source.names), indices)


def _open(name: str, specs: Sequence[str], data_dir: str | None, fetch: bool) -> Source:
    if name in CIFARS:
        return _cifar(name, specs, data_dir, fetch)
    if name == coarse.NAME:
        return coarse.halved(_cifar(coarse.OF, specs, data_dir, fetch, label=coarse.LABEL))
    if name == "digits":
        return _digits()
    if name.startswith("file://"):
        raise InputError(f"data {name!r}: give a path, without file://")
    if name.endswith(".npz"):
        return open_npz(Path(name))
    if Path(name).is_dir():
        _no_cifar(Path(name).resolve())
        return open_folder(Path(name))
    raise InputError(
        f"data {name!r} is unknown: give cifar10, cifar100, {coarse.NAME}, digits, or the path of an .npz file or of "
        "an image folder"
    )


def _cifar(name: str, specs: Sequence[str], data_dir: str | None, fetch: bool, label: str = "label") -> Source:
    from akd_jax.data import prepare, prepared  # they import what only CIFAR needs

    if not prepared.is_prepared(prepared.folder(name, data_dir)):
        for spec in specs:  # a slip of the pen shows before a download
            select(name, spec, CIFARS[name].sizes)
        if not fetch:
            raise DataMissing(
                f"{name} is not prepared in {prepared.folder(name, data_dir)}; without --dry_run it would be now"
            )
    return prepared.open_prepared(prepare.prepare(name, data_dir), label=label)


def _no_cifar(path: Path) -> None:
    """Raises InputError for the folder that holds a prepared CIFAR, or for the one of its version."""
    from akd_jax.data import prepared

    for cifar in (path, path.parent):
        if cifar.name in CIFARS and prepared.is_prepared(cifar / prepared.VERSION):
            raise InputError(f"{path} is {cifar.name} as prepared: give --data {cifar.name} --data_dir {cifar.parent}")


def _digits() -> Source:
    names = tuple(map(str, range(10)))
    return Source(digits.SIZES, names, lambda splits: [part("digits", *digits.load_digits_split(s)) for s in splits])
