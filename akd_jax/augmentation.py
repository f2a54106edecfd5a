"""Images made to look a little different each time they are learnt from; pure, on the device."""

from collections.abc import Callable, Sequence

import chex
import jax
import jax.numpy as jnp

from akd_jax.pixels import brightness, normalised
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


def zoomed(key: Array, images: Array, *, least: float) -> Array:
    """Of each image of a batch [B, H, W, C] a part, enlarged to the whole, of at least this share of its area.

    A random resized crop (Szegedy et al. 2015, arXiv:1409.4842, section 6): the area is uniform in `least`..1, the
    logarithm of width over height between those of 3/4 and 4/3, sides end at the image's, and every place is as likely.
    Bilinear; at the borders of a part the pixels beside it take part.
    """
    area_key, ratio_key, place_key = jax.random.split(key, 3)
    size, most = jnp.array(images.shape[1:3], images.dtype), jnp.log(4 / 3)
    area = jax.random.uniform(area_key, (len(images),), minval=least)
    slant = jnp.exp(jax.random.uniform(ratio_key, (len(images),), minval=-most, maxval=most) / 2)
    shares = jnp.minimum(jnp.sqrt(area)[:, None] * jnp.stack([1 / slant, slant], -1), 1)
    corners = jax.random.uniform(place_key, (len(images), 2)) * (1 - shares) * size

    def enlarged(image, share, corner):
        return jax.image.scale_and_translate(
            image, image.shape, (0, 1), 1 / share, -corner / share, method="linear", antialias=False
        )

    return jax.vmap(enlarged)(images, shares, corners)


def augment(key: Array, images: Array, *, crop: int, flip: bool) -> Array:
    """`shifted` by up to `crop` pixels, and `mirrored` if `flip`."""
    crop_key, flip_key = jax.random.split(key)
    images = shifted(crop_key, images, most=crop) if crop else images
    return mirrored(flip_key, images) if flip else images


def augment_normalised(
    key: Array, images: Array, *, mean: Sequence[float], std: Sequence[float], crop: int, flip: bool
) -> Array:
    """`augment` of images as networks see them; what comes in from outside is black, as it is of pixels."""
    return normalised(augment(key, brightness(images, mean, std), crop=crop, flip=flip), mean, std)


def mixed(key: Array, images: Array) -> Array:
    """Each image of a batch [B, H, W, C] blended with another of it, with a share of its own, uniform in 0..1.

    Mixup (Zhang et al. 2018, arXiv:1710.09412), whose labels are the teacher's word on what came of it here, as in
    distillation by function matching (Beyer et al. 2022, arXiv:2106.05237).
    """
    partner_key, share_key = jax.random.split(key)
    share = jax.random.uniform(share_key, (len(images), 1, 1, 1), images.dtype)
    return share * images + (1 - share) * jax.random.permutation(partner_key, images)


def pasted(key: Array, images: Array) -> Array:
    """Each image of a batch [B, H, W, C] with a rectangle of another of it in the same place.

    CutMix (Yun et al. 2019, arXiv:1905.04899): of the image's own proportions, around a pixel of any place, cut at the
    borders; its area, before that, is uniform in 0..1 of the image's.
    """
    partner_key, area_key, centre_key = jax.random.split(key, 3)
    size = jnp.array(images.shape[1:3])
    half = jnp.sqrt(jax.random.uniform(area_key, (len(images), 1))) * size / 2
    centre = jax.random.uniform(centre_key, (len(images), 2)) * size
    rows, columns = (
        jnp.abs(jnp.arange(length) + 0.5 - centre[:, i, None]) < half[:, i, None]
        for i, length in enumerate(images.shape[1:3])
    )
    inside = (rows[:, :, None] & columns[:, None, :])[..., None]
    return jnp.where(inside, jax.random.permutation(partner_key, images), images)


MIXES: dict[str, Callable[[Array, Array], Array] | None] = {"none": None, "mixup": mixed, "cutmix": pasted}
"""How images of one batch are made into others: (key, [B, H, W, C]) -> the same shape; None for not at all."""
