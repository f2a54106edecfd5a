"""Images moved about before they are learned from, each in a way of its own."""

import jax
import jax.numpy as jnp

from akd_jax.types import Array


def crop_and_flip(key: Array, images: Array, *, padding: int) -> Array:
    """Images [B, H, W, C] -> of the same shape and type: a random window after padding with zeros, mirrored or not.

    Zeros are black where images are uint8. Windows and mirrors are uniform, and each image's own.
    """
    count, height, width, channels = images.shape
    window_key, flip_key = jax.random.split(key)
    starts = jax.random.randint(window_key, (count, 2), 0, 2 * padding + 1)
    flips = jax.random.bernoulli(flip_key, shape=(count,))
    padded = jnp.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))

    def one(image, start, flip):
        window = jax.lax.dynamic_slice(image, (start[0], start[1], 0), (height, width, channels))
        return jnp.where(flip, window[:, ::-1], window)

    return jax.vmap(one)(padded, starts, flips)


def cut_and_mix(key: Array, images: Array) -> Array:
    """Images [B, H, W, C] -> the same, with one rectangle of each from another of them (CutMix, arXiv:1905.04899).

    Its share of the area is uniform in [0, 1], as Beta(1, 1) is, and its centre is uniform; what lies outside is lost.
    The rectangle is the batch's, the partner is each image's own. Labels are not mixed, since the teacher sees the
    mixture.
    """
    count, height, width, _ = images.shape
    share_key, centre_key, partner_key = jax.random.split(key, 3)
    size = jnp.array([height, width])
    half = jnp.sqrt(jax.random.uniform(share_key)) * size / 2
    centre = jax.random.uniform(centre_key, (2,)) * size
    inside = [jnp.abs(jnp.arange(n) + 0.5 - centre[axis]) < half[axis] for axis, n in enumerate((height, width))]
    mask = (inside[0][:, None] & inside[1])[None, :, :, None]
    return jnp.where(mask, images[jax.random.permutation(partner_key, count)], images)
