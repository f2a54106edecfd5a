"""Synthetic images kept on the device: a ring that forgets the oldest when it is full."""

import jax
import jax.numpy as jnp
from flax import struct

from akd_jax.types import Array


@struct.dataclass
class Bank:
    """images: uint8 [capacity, H, W, C]. labels: int32 [capacity], or () of images that have none.

    count: [] int32, how many images there are. position: [] int32, where the next one goes.
    """

    images: Array
    labels: Array | tuple[()]
    count: Array
    position: Array


def empty(capacity: int, shape: tuple[int, int, int], *, labelled: bool = False) -> Bank:
    """For images of shape (H, W, C)."""
    labels = jnp.zeros(capacity, jnp.int32) if labelled else ()
    return Bank(jnp.zeros((capacity, *shape), jnp.uint8), labels, count=jnp.int32(0), position=jnp.int32(0))


def append(bank: Bank, images: Array, labels: Array | tuple[()] = ()) -> Bank:
    """The bank with these images [B, H, W, C] too, of which the oldest give way; labels [B] where it has any.

    Raises ValueError for more images than it holds.
    """
    capacity, added = len(bank.images), len(images)
    if added > capacity:
        raise ValueError(f"{added} images at once are too many for a bank of {capacity}")
    places = (bank.position + jnp.arange(added)) % capacity
    kept = jax.tree.map(
        lambda old, new: old.at[places].set(new, unique_indices=True), (bank.images, bank.labels), (images, labels)
    )
    return Bank(*kept, count=jnp.minimum(bank.count + added, capacity), position=(bank.position + added) % capacity)


def sample(bank: Bank, key: Array, *, num: int) -> tuple[Array, Array | tuple[()]]:
    """(images [num, H, W, C], their labels [num] or ()): each uniform among those there; black ones where none is."""
    chosen = jax.random.randint(key, (num,), 0, jnp.maximum(bank.count, 1))
    return jax.tree.map(lambda kept: kept[chosen], (bank.images, bank.labels))
