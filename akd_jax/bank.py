"""Synthetic images kept on the device: a ring that forgets the oldest when it is full."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from akd_jax.types import Array


@struct.dataclass
class Bank:
    """images: uint8 [capacity, H, W, C]. beside: what is kept of each, a tree of [capacity, ...]; () for nothing.

    count: [] int32, how many images there are. position: [] int32, where the next one goes.
    """

    images: Array
    beside: Any
    count: Array
    position: Array


def empty(capacity: int, shape: tuple[int, int, int], *, beside: Any = ()) -> Bank:
    """For images of shape (H, W, C). beside: shapes and dtypes of what is kept of each."""
    kept = jax.tree.map(lambda each: jnp.zeros((capacity, *each.shape), each.dtype), beside)
    return Bank(jnp.zeros((capacity, *shape), jnp.uint8), kept, count=jnp.int32(0), position=jnp.int32(0))


def append(bank: Bank, images: Array, beside: Any = ()) -> Bank:
    """The bank with these images [B, H, W, C] too, for which the oldest give way, and with what it keeps of each.

    Raises ValueError for more images than it holds.
    """
    capacity, added = len(bank.images), len(images)
    if added > capacity:
        raise ValueError(f"{added} images at once are too many for a bank of {capacity}")
    places = (bank.position + jnp.arange(added)) % capacity
    kept = jax.tree.map(
        lambda old, new: old.at[places].set(new, unique_indices=True), (bank.images, bank.beside), (images, beside)
    )
    return Bank(*kept, count=jnp.minimum(bank.count + added, capacity), position=(bank.position + added) % capacity)


def sample(bank: Bank, key: Array, *, num: int) -> tuple[Array, Any]:
    """(images [num, H, W, C], what is kept of each): each uniform among those there; black ones where none is."""
    chosen = jax.random.randint(key, (num,), 0, jnp.maximum(bank.count, 1))
    return jax.tree.map(lambda kept: kept[chosen], (bank.images, bank.beside))


def some(bank: Bank, key: Array, *, num: int) -> tuple[Any, Array]:
    """(what is kept of `num` images, no image twice; which of these there are, [num]), for at most its capacity.

    Any of those there are as likely; what is not there comes where too few are.
    """
    drawn = jax.random.uniform(key, (len(bank.images),))
    order, chosen = jax.lax.top_k(jnp.where(jnp.arange(len(drawn)) < bank.count, drawn, -1.0), num)
    return jax.tree.map(lambda kept: kept[chosen], bank.beside), order >= 0
