"""Shifts and mirror images, against NumPy; all of them equally likely."""

import jax
import numpy as np
import pytest

from akd_jax.augmentation import augment, mirrored, shifted

IMAGES = np.arange(1, 3 * 4 * 5 * 2 + 1, dtype=np.uint8).reshape(3, 4, 5, 2)


def every_shift(image, most):
    """All crops of the image with a border of zeros, by the pixels they move it down and right."""
    height, width = image.shape[:2]
    bordered = np.pad(image, ((most, most), (most, most), (0, 0)))
    moves = range(-most, most + 1)
    return {
        (down, right): bordered[most - down : most - down + height, most - right : most - right + width]
        for down in moves
        for right in moves
    }


def which(found, choices):
    return [name for name, image in choices.items() if np.array_equal(found, image)]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_an_image_is_moved_and_zeros_come_in(dtype):
    images = IMAGES.astype(dtype)
    move = jax.jit(lambda key: shifted(key, images, most=1))
    seen = set()
    for seed in range(60):
        moved = np.asarray(move(jax.random.key(seed)))
        assert moved.dtype == dtype
        places = [which(found, every_shift(image, 1)) for found, image in zip(moved, images, strict=True)]
        assert all(len(place) == 1 for place in places)
        seen |= {place[0] for place in places}
    assert len(seen) == 9


def test_moves_are_equally_likely():
    images = np.broadcast_to(IMAGES[:1], (4500, 4, 5, 2))
    moved = np.asarray(shifted(jax.random.key(0), images, most=1))
    counts = [(moved == shift).all((1, 2, 3)).sum() for shift in every_shift(IMAGES[0], 1).values()]
    assert sum(counts) == 4500
    assert np.abs(np.array(counts) - 500).max() < 5 * (4500 * 1 / 9 * 8 / 9) ** 0.5


def test_half_are_mirrored():
    images = np.broadcast_to(IMAGES[:1], (1000, 4, 5, 2))
    found = np.asarray(mirrored(jax.random.key(0), images))
    swapped = (found == IMAGES[0][:, ::-1]).all((1, 2, 3))
    assert (swapped | (found == IMAGES[0]).all((1, 2, 3))).all()
    assert abs(swapped.sum() - 500) < 5 * 250**0.5


def test_nothing_is_done_where_nothing_is_wanted():
    np.testing.assert_array_equal(augment(jax.random.key(0), IMAGES, crop=0, flip=False), IMAGES)
