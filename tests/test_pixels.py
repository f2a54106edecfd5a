"""Images as they are stored and as networks see them."""

import jax.numpy as jnp
import numpy as np

from akd_jax.pixels import from_pixels, normalised, to_pixels

MEAN, STD = (0.5, 0.25), (0.25, 0.5)


def test_normalised():
    assert normalised(jnp.array([[0.0, 0.0], [1.0, 1.0]]), MEAN, STD).tolist() == [[-2, -0.5], [2, 1.5]]
    assert normalised(jnp.array([[0.0, 1.0]]), (0.5,), (0.5,)).tolist() == [[-1, 1]]  # one for all


def test_there_and_back_is_exact_for_every_pixel():
    pixels = np.stack([np.arange(256)] * 2, -1).astype(np.uint8)
    images = from_pixels(pixels, MEAN, STD)
    assert images.dtype == jnp.float32
    np.testing.assert_array_equal(to_pixels(images, MEAN, STD), pixels, strict=True)


def test_the_nearest_pixel_and_clipping():
    images = (jnp.array([-0.2, 0.0, 99.4 / 255, 99.6 / 255, 1.0, 7.0])[:, None] - 0.3) / 0.2
    assert to_pixels(images, (0.3,), (0.2,))[:, 0].tolist() == [0, 0, 99, 100, 255, 255]
