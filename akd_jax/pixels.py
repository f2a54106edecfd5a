"""Images as they are stored, uint8, and as networks see them, (x / 255 - mean) / std."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from akd_jax.types import Array


def normalised(images: Array, mean: Sequence[float], std: Sequence[float]) -> Array:
    """Images [..., C] in 0..1 -> (x - mean) / std; mean and std: one a channel, or one for all."""
    return (images - np.float32(mean)) / np.float32(std)


def from_pixels(pixels: Array, mean: Sequence[float], std: Sequence[float]) -> Array:
    """uint8 [..., C] -> as networks see them, float32 (float64 where x64 is on)."""
    return normalised(pixels.astype(jnp.result_type(float)) / 255, mean, std)


def brightness(images: Array, mean: Sequence[float], std: Sequence[float]) -> Array:
    """What networks see [..., C] -> x * std + mean, in 0..1 of what was `normalised`."""
    return images * np.float32(std) + np.float32(mean)


def to_pixels(images: Array, mean: Sequence[float], std: Sequence[float]) -> Array:
    """What networks see [..., C] -> uint8: the nearest `brightness` in 0..1; what lies outside is clipped."""
    return jnp.rint(brightness(images, mean, std).clip(0, 1) * 255).astype(jnp.uint8)
