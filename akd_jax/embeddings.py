"""What stands for the classes of a teacher, as numbers."""

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from akd_jax.errors import InputError
from akd_jax.models import class_rows
from akd_jax.types import Array, Variables

Embeddings = Callable[[Variables], Array]
"""The teacher's variables -> [classes, D]."""

BUILT_IN: dict[str, Callable[[int, int], Embeddings]] = {
    "classifier": lambda classes, seed: class_rows,
    "one_hot": lambda classes, seed: lambda teacher: jnp.eye(classes),
    "orthonormal": lambda classes, seed: lambda teacher: jax.random.orthogonal(jax.random.key(seed), classes),
}
"""name -> (classes, seed) -> Embeddings."""


def of_classes(source: str, classes: int, *, seed: int) -> Embeddings:
    """source: a name of BUILT_IN, or the path of an .npy file with a row of numbers a class.

    Raises InputError for a file that is not there or does not fit.
    """
    if source in BUILT_IN:
        return BUILT_IN[source](classes, seed)
    if not source.endswith(".npy"):
        raise InputError(f"{source!r}: unknown; give one of {', '.join(BUILT_IN)}, or the path of an .npy file")
    try:
        rows = np.load(Path(source), allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{source}: cannot be read as an .npy file ({error})") from None
    if rows.ndim != 2 or len(rows) != classes or rows.dtype.kind != "f" or not np.isfinite(rows).all():
        raise InputError(f"{source}: {rows.dtype} {list(rows.shape)}; give finite floating numbers [{classes}, D]")
    return lambda teacher: jnp.asarray(rows, jnp.float32)
