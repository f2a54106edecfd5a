"""A JAX function as StableHLO, for batches of any size on CPU, CUDA and TPU (jax.export)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
from jax import export

from akd_jax.types import Array

PLATFORMS = ("cpu", "cuda", "tpu")


def encode(function: Callable[[Array], Array], example: Any) -> bytes:
    """What `jax.export.deserialize` reads; one program for all PLATFORMS. The same function, the same bytes.

    example: an array, or a jax.ShapeDtypeStruct, of the function's input [B, ...].
    """
    (batch,) = export.symbolic_shape("batch")
    inputs = jax.ShapeDtypeStruct((batch, *example.shape[1:]), example.dtype)
    with _no_locations():
        return bytes(export.export(jax.jit(function), platforms=PLATFORMS)(inputs).serialize())


@contextmanager
def _no_locations() -> Iterator[None]:
    """Programs without the paths and lines of the sources that they came from, which are nobody's business."""
    name = "jax_traceback_in_locations_limit"
    before = getattr(jax.config, name)
    jax.config.update(name, 0)
    try:
        yield
    finally:
        jax.config.update(name, before)
