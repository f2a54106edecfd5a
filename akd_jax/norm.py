"""The norm of all numbers of a tree, in few operations."""

from typing import Any

import jax
import jax.numpy as jnp

from akd_jax.channels import channel_sum
from akd_jax.types import Array


def norm(tree: Any) -> Array:
    """[], the square root of the sum of all squares; not finite where one number is not, or above 1e19 in float32.

    A sum of each array would be several kernels, to compile and to start, and networks have many arrays. So those of
    one shape are added up first, then channels, which takes a matrix product on a CPU, and what is left is joined.
    """
    squares = {}
    for leaf in jax.tree.leaves(tree):
        squares[leaf.shape] = squares.get(leaf.shape, 0) + leaf * leaf
    # Roots, since XLA would take a sum of sums apart again, into one for each array.
    channels = [jnp.sqrt(channel_sum(each) if each.ndim > 1 else each.ravel()) for each in squares.values()]
    return jnp.sqrt(jnp.square(jnp.concatenate(channels)).sum())
