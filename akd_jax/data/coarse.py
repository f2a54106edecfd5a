"""CIFAR-100 made small: its 20 coarse classes, at half its side; a quarter of the work, for comparisons on a CPU."""

from collections.abc import Sequence

import numpy as np

from akd_jax.data.images import Part
from akd_jax.data.source import Source

NAME = "cifar100_coarse16"
OF, LABEL = "cifar100", "coarse_label"


def halved(source: Source) -> Source:
    """The same images at half their side, which is even: each pixel is the mean of four, rounded to the nearest."""

    def read(splits: Sequence[str]) -> list[Part]:
        return [part._replace(images=_halved(part.images)) for part in source.read(splits)]

    return source._replace(read=read)


def _halved(images: np.ndarray) -> np.ndarray:
    count, height, width, channels = images.shape
    blocks = images.reshape(count, height // 2, 2, width // 2, 2, channels)
    return ((blocks.sum((2, 4), dtype=np.uint16) + 2) // 4).astype(np.uint8)
