"""scikit-learn's handwritten digits as a small image set that needs no download: 1,797 images of ten classes.

Source: the test part of "Optical Recognition of Handwritten Digits", UCI (Alpaydin and Kaynak 1998), as
shipped by `sklearn.datasets.load_digits`. It names no writers, so a writer may be in all three parts; an
image is in one.
"""

import numpy as np

# Mean and standard deviation of the train part's pixels on the 0..1 scale.
MEAN = 0.305276
STD = 0.318207

SIZES = {"train": 1000, "validation": 397, "test": 400}


def _evenly(total: int, picks: int) -> np.ndarray:
    """`picks` distinct indices, evenly spaced over range(total)."""
    return np.arange(picks) * total // picks


def split_indices(labels: np.ndarray) -> dict[str, np.ndarray]:
    """The fixed stratified split: labels [1797] -> {part: positions in load_digits' order, sorted}.

    The images are shuffled by default_rng(0) and sorted stably by class; the test part, then the validation
    part, takes evenly spaced places of that list, so every class gives its share of each part, to within two
    images.
    """
    order = np.random.default_rng(0).permutation(len(labels))
    rest = order[np.argsort(labels[order], kind="stable")]
    parts = {}
    for name in ("test", "validation"):
        picks = _evenly(len(rest), SIZES[name])
        parts[name], rest = np.sort(rest[picks]), np.delete(rest, picks)
    return parts | {"train": np.sort(rest)}


def load_digits_split(split: str) -> tuple[np.ndarray, np.ndarray]:
    """(images uint8 [N, 16, 16, 1], labels int32 [N]) of 'train', 'validation' or 'test'.

    The 8x8 values 0..16 are scaled to 0..255 and enlarged bilinearly to 16x16.
    """
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    chosen = split_indices(digits.target)[split]
    small = np.rint(digits.images[chosen] * (255 / 16)).astype(np.uint8)
    images = [Image.fromarray(image).resize((16, 16), Image.Resampling.BILINEAR) for image in small]
    pixels = np.stack([np.asarray(image) for image in images])
    return pixels[..., None], digits.target[chosen].astype(np.int32)


def normalise(images: np.ndarray) -> np.ndarray:
    """uint8 images -> float32 of the same shape, (x / 255 - MEAN) / STD."""
    return ((np.asarray(images, np.float32) / 255 - MEAN) / STD).astype(np.float32)
