"""The norm of all numbers of a tree, in few operations."""

from typing import Any

import jax
import jax.numpy as jnp

from akd_jax.models.channels import channel_sum
from akd_jax.types import Array


def norm(tree: Any) -> Array:
    """[], the square root of the sum of all squares; not finite where one number is not, or above 1e19 in float32.

    Sums of single arrays would be several kernels each, to compile and to start, and networks have many small arrays.
    So it is the norm of the norms of their channels, which take a matrix product on a CPU.
    """
    channels = [jnp.sqrt(channel_sum(leaf * leaf)) if leaf.ndim > 1 else leaf.ravel() for leaf in jax.tree.leaves(tree)]
    joined = jnp.concatenate(channels)
    return jnp.sqrt(jnp.square(joined).sum())
