"""Crops, flips and mixtures: images of numbers that tell where each pixel came from."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from akd_jax.augmentation import crop_and_flip, cut_and_mix

IMAGES = 1 + np.arange(6 * 5 * 4, dtype=np.uint8).reshape(6, 5, 4, 1)


def windows(image, padding):
    """Every image that may come out."""
    height, width, _ = image.shape
    padded = np.pad(image, ((padding, padding), (padding, padding), (0, 0)))
    for top in range(2 * padding + 1):
        for left in range(2 * padding + 1):
            window = padded[top : top + height, left : left + width]
            yield window.tobytes()
            yield window[:, ::-1].tobytes()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_each_image_is_cropped_and_flipped_for_itself_and_uniformly(dtype):
    images = IMAGES.astype(dtype)
    augment = jax.jit(jax.vmap(partial(crop_and_flip, images=images, padding=1)))
    augmented = np.asarray(augment(jax.random.split(jax.random.key(0), 400)))
    assert augmented.shape == (400, *images.shape) and augmented.dtype == dtype
    drawn = [[possible.index(each.tobytes()) for each in augmented[:, i]] for i, possible in
             enumerate([*windows(image, 1)] for image in images)]  # fmt: skip
    for chosen in drawn:
        counts = np.bincount(chosen, minlength=18)
        assert (counts > 0).all() and ((counts - 400 / 18) ** 2 / (400 / 18)).sum() < 43  # chi^2, 17 degrees, p 0.0005
    assert len({tuple(chosen) for chosen in drawn}) == len(images)


def test_without_padding_only_the_flip_is_left():
    for image, found in zip(IMAGES, np.asarray(crop_and_flip(jax.random.key(1), IMAGES, padding=0)), strict=True):
        assert (found == image).all() or (found == image[:, ::-1]).all()


def test_a_mixture_has_a_rectangle_of_another_image():
    constant = jnp.broadcast_to(jnp.arange(8.0).reshape(8, 1, 1, 1), (8, 6, 7, 2))
    shares = []
    for key in jax.random.split(jax.random.key(0), 200):
        mixed = np.asarray(cut_and_mix(key, constant))
        foreign = mixed[..., 0] != constant[..., 0]
        masks = foreign[foreign.any((1, 2))]  # a permutation may leave images where they are
        for mask in masks:
            rows, columns = mask.any(1), mask.any(0)
            assert (mask == rows[:, None] & columns).all() and (mask == masks[0]).all()
            for side in (rows, columns):
                assert (np.diff(np.flatnonzero(side)) == 1).all()
        shares.append(masks[0].mean() if len(masks) else 0)
    # Half of the area, less what lies outside the image: of a side s in units of the image's, s^2 / 4 on average.
    draws = np.random.default_rng(0).uniform(size=(3, 100_000))
    half = np.sqrt(draws[0]) / 2
    inside = [np.minimum(c + half, 1) - np.maximum(c - half, 0) for c in draws[1:]]
    assert np.mean(shares) == pytest.approx((inside[0] * inside[1]).mean(), abs=0.05)
