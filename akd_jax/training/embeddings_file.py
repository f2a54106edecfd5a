"""Embeddings of classes from a file: read once, and kept with the run that they belong to."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from akd_jax import digest, files, workdir
from akd_jax.embeddings import BUILT_IN
from akd_jax.errors import InputError


class Embedded(NamedTuple):
    """rows: float32 [classes, D]. digest: of these, "sha256:..."."""

    rows: np.ndarray
    digest: str


def load(source: str) -> Embedded | None:
    """source: the path of an .npy file with a row of numbers a class; None for a name of BUILT_IN, which needs none.

    Raises InputError for a file that is not there or holds no such numbers.
    """
    if source in BUILT_IN:
        return None
    if not source.endswith(".npy"):
        raise InputError(f"{source!r}: unknown; give one of {', '.join(BUILT_IN)}, or the path of an .npy file")
    try:
        rows = np.load(Path(source), allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{source}: cannot be read as an .npy file ({error})") from None
    if rows.ndim != 2 or rows.dtype.kind != "f" or not np.isfinite(rows).all():
        raise InputError(f"{source}: {rows.dtype} {list(rows.shape)}; give finite floating numbers [classes, D]")
    return _embedded(rows)


def write(directory: Path, embedded: Embedded) -> None:
    """Writes `embeddings.json` into the directory: all of it, so that the run can do without the file."""
    values = {"digest": embedded.digest, "rows": embedded.rows.tolist()}
    files.write_json(directory / workdir.EMBEDDINGS, values)


def read(directory: Path) -> Embedded | None:
    """What `write` left in the directory, None where it left nothing. Raises InputError where it is broken."""
    path = directory / workdir.EMBEDDINGS
    if not path.exists():
        return None
    try:
        values = files.read_json(path)
        embedded = _embedded(np.array(values["rows"]))
        if embedded.digest != values["digest"]:
            raise ValueError("its numbers are not those of its digest")
        return embedded
    except (InputError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{directory} is a damaged run: {workdir.EMBEDDINGS} cannot be read ({error})") from None


def _embedded(rows: np.ndarray) -> Embedded:
    rows = rows.astype(np.float32)
    return Embedded(rows, digest.of_tree(rows))
