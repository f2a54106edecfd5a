"""Shifts, mirror images and mixtures, against NumPy; all of them equally likely."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from akd_jax.augmentation import augment, mirrored, mixed, pasted, shifted, zoomed

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


def test_mixed_images_are_of_two_in_shares_that_are_uniform():
    """Image i is 1 in channel i, so that channels tell of which images a mixture is."""
    batch = np.broadcast_to(np.eye(40, dtype=np.float32)[:, None, None], (40, 2, 3, 40))
    shares = []
    for seed in range(50):
        found = np.asarray(mixed(jax.random.key(seed), batch))
        assert (found == found[:, :1, :1]).all()
        parts = found[:, 0, 0]
        np.testing.assert_allclose(parts.sum(1), 1, rtol=1e-6)
        partners = (parts - np.diag(np.diag(parts)) > 0).sum(1)
        assert partners.max() <= 1 and partners.sum() >= 30
        shares.append(np.diag(parts)[partners == 1])
    shares = np.sort(np.concatenate(shares))
    assert np.abs(shares - np.linspace(0, 1, len(shares))).max() < 1.63 / len(shares) ** 0.5  # Kolmogorov, 1 %


def test_pasted_images_have_a_rectangle_of_another_in_its_place():
    """Image i is i everywhere, and has a ramp in its second channel that shows where a pixel was."""
    size = 24
    place = np.broadcast_to(np.arange(size * size, dtype=np.float32).reshape(1, size, size), (30, size, size))
    batch = np.stack([np.broadcast_to(np.arange(30.0)[:, None, None], place.shape), place], -1).astype(np.float32)
    areas, paste = [], jax.jit(pasted)
    for seed in range(60):
        found = np.asarray(paste(jax.random.key(seed), batch))
        assert (found[..., 1] == place).all()
        for number, image in enumerate(found[..., 0]):
            rows, columns = np.nonzero(image != number)
            if not len(rows):
                continue
            box = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            assert (box == box[0, 0]).all()
            areas.append(box.size / image.size)
    # Of a side of sqrt(a), a uniform, sqrt(a) - a / 4 is left on the mean when it is cut; those of no pixel, and those
    # whose partner is the image itself, are not seen.
    assert np.mean(areas) == pytest.approx(0.2 + 0.3 - 0.2 + 1 / 48, abs=0.02)
    assert len(areas) > 0.9 * 30 * 60


def test_a_closer_look_is_a_part_enlarged():
    """Of images whose channels are the rows and columns of their pixels, which tell where each came from."""
    height, width, least = 12, 10, 0.25
    rows, columns = jnp.meshgrid(jnp.arange(height) + 0.5, jnp.arange(width) + 0.5, indexing="ij")
    images = jnp.broadcast_to(jnp.stack([rows, columns], -1), (400, height, width, 2))
    looked = np.asarray(jax.jit(partial(zoomed, least=least))(jax.random.key(0), images))
    middle = looked[:, 2:-2, 2:-2]  # what is in the image, whatever the part
    down, along = np.diff(middle[..., 0], axis=1), np.diff(middle[..., 1], axis=2)
    for steps in (down, along):
        np.testing.assert_allclose(steps, np.broadcast_to(steps[:, :1, :1], steps.shape), atol=1e-4)
    assert np.abs(np.diff(middle[..., 0], axis=2)).max() < 1e-4 > np.abs(np.diff(middle[..., 1], axis=1)).max()
    shares = np.stack([down[:, 0, 0], along[:, 0, 0]], -1)
    corners = middle[:, 0, 0] - 2.5 * shares
    size = np.array([height, width])
    assert (corners > -1e-3).all() and (corners + shares * size < size + 1e-3).all()
    area, slant = shares.prod(-1), shares[:, 1] / shares[:, 0]
    whole = shares.max(-1) < 1 - 1e-3  # no side ended at the image's
    assert least - 1e-3 < area[whole].min() < 0.3 and 0.25 < np.mean(area[whole] < 0.5) < 0.75
    assert 0.75 - 1e-3 < slant.min() < 0.8 and 1.25 < slant.max() < 4 / 3 + 1e-3
    free = size * (1 - shares)
    at = (corners / np.maximum(free, 1e-6))[free.min(-1) > 0.5]
    assert 0.4 < at.mean() < 0.6 and at.min() < 0.1 and at.max() > 0.9
