"""Images made to look a little different each time they are learnt from; pure, on the device."""

import chex
import jax
import jax.numpy as jnp

from akd_jax.types import Array


def shifted(key: Array, images: Array, *, most: int) -> Array:
    """Each image [H, W, C] of a batch [B, H, W, C] moved by up to `most` pixels either way, zeros coming in.

    All (2 most + 1)^2 moves are equally likely: a random crop of the image with a border of zeros (He et al. 2015,
    arXiv:1512.03385, section 4.2).
    """
    chex.assert_rank(images, 4)
    height, width = images.shape[1:3]
    bordered = jnp.pad(images, ((0, 0), (most, most), (most, most), (0, 0)))
    corners = jax.random.randint(key, (len(images), 2), 0, 2 * most + 1)

    def crop(image, corner):
        return jax.lax.dynamic_slice(image, (*corner, 0), (height, width, image.shape[-1]))

    return jax.vmap(crop)(bordered, corners)


def mirrored(key: Array, images: Array) -> Array:
    """A batch [B, H, W, C] in which each image is swapped left for right with probability 1/2."""
    chosen = jax.random.bernoulli(key, shape=(len(images), 1, 1, 1))
    return jnp.where(chosen, images[:, :, ::-1], images)


def augment(key: Array, images: Array, *, crop: int, flip: bool) -> Array:
    """`shifted` by up to `crop` pixels, and `mirrored` if `flip`."""
    crop_key, flip_key = jax.random.split(key)
    images = shifted(crop_key, images, most=crop) if crop else images
    return mirrored(flip_key, images) if flip else images
