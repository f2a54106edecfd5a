"""What stands for the classes of a teacher, as numbers."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from akd_jax.errors import InputError
from akd_jax.models import class_rows
from akd_jax.types import Array, Variables

Embeddings = Callable[[Variables], Array]
"""The teacher's variables -> [classes, D]."""


def _fixed(rows: Array) -> Embeddings:
    """The same, whatever the teacher."""
    return lambda teacher: rows


def _orthonormal(classes: int) -> Array:
    """[classes, classes], rows at right angles, at random but always the same."""
    with jax.ensure_compile_time_eval():  # numbers, also where a program is traced that has them
        return jax.random.orthogonal(jax.random.key(0), classes)


BUILT_IN: dict[str, Callable[[int], Embeddings]] = {
    "classifier": lambda classes: class_rows,
    "one_hot": lambda classes: _fixed(jnp.eye(classes)),
    "orthonormal": lambda classes: _fixed(_orthonormal(classes)),
}
"""name -> (classes) -> Embeddings."""


def of_classes(source: str, classes: int, rows: Array | None = None) -> Embeddings:
    """source: a name of BUILT_IN, or of whatever these rows [classes, D] come from. Raises InputError."""
    if source in BUILT_IN:
        return BUILT_IN[source](classes)
    given = 0 if rows is None else len(rows)
    if given != classes:
        raise InputError(f"{source}: embeddings of {given} classes; give those of the teacher's {classes}")
    return _fixed(jnp.asarray(rows))
