"""Whether a converted teacher is what its checkpoint was: beside PyTorch, and under other normalisations."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from akd_jax import evaluate
from akd_jax.convert.reader import read_checkpoint
from akd_jax.convert.state_dict import find_state_dict
from akd_jax.data import Images
from akd_jax.errors import InputError
from akd_jax.models import MODELS, make_classifier
from akd_jax.normalisation import Normalisation, usual
from akd_jax.optional import why_missing
from akd_jax.teacher import TeacherInfo
from akd_jax.types import Array, Variables

TOLERANCE = 1e-3  # of the largest logit; rounding alone makes 1e-6 to 1e-5
BATCH_SIZE = 250
DRAWN, DRAWN_SIDE = 64, 32  # images, where none are given
MOST_ENLARGED = 1000  # images, since at 224 pixels each costs fifty times as much
CLEARLY = 3  # standard errors


class Verdict(NamedTuple):
    """difference: the largest between two logits; largest: logit, of PyTorch's; images: how many were compared."""

    difference: float
    largest: float
    images: int


class Trial(NamedTuple):
    """A normalisation tried on labelled images. losses: [N], the cross-entropy of each."""

    normalisation: Normalisation
    top1: float
    losses: np.ndarray


def check_torch() -> None:
    """Raises InputError where PyTorch is not installed."""
    if reason := why_missing("torch"):
        raise InputError(
            f"--verify compares with PyTorch, which is not here ({reason}): pip install torch, or leave it out"
        )


def against_torch(path: Path, info: TeacherInfo, variables: Variables, held: Images | None) -> Verdict:
    """Our logits beside those of PyTorch's own layers with the tensors that `path` has, on DRAWN images.

    held: where to take them from; None for random ones. Raises InputError where the two disagree.
    """
    from akd_jax import torch_networks

    images = _normalised(_spread(held.images, DRAWN), info) if held else _random_images(info.channels)
    network = make_classifier(info.arch, info.classes, image_size=images.shape[1])
    ours = np.asarray(network.apply(variables, jnp.asarray(images), train=False)[0].logits)
    tensors = find_state_dict(read_checkpoint(path), info.key).tensors
    theirs = torch_networks.outputs_of(torch_networks.network_of(tensors), images, size=MODELS[info.arch].input_size)
    verdict = Verdict(float(np.abs(ours - theirs).max()), float(np.abs(theirs).max()), len(images))
    if not verdict.difference <= TOLERANCE * verdict.largest:
        raise InputError(
            f"{path}: PyTorch's logits differ by {verdict.difference:.2g}, of {verdict.largest:.2g}: a defect of the "
            f"conversion as {info.arch}, please report it"
        )
    return verdict


def under_normalisations(info: TeacherInfo, variables: Variables, held: Images, logits: Array) -> dict[str, Trial]:
    """The teacher under the usual constants, by name, its own first, as ''.

    logits: [N, classes], of the images that are held, under its own.
    """
    network = make_classifier(info.arch, info.classes, image_size=held.images.shape[1])
    most = MOST_ENLARGED if MODELS[info.arch].input_size else len(held.images)
    pixels, labels = _spread(held.images, most), jnp.asarray(_spread(held.labels, most))

    @jax.jit
    def look(variables: Variables, pixels: Array, mean: Array, std: Array) -> Array:
        images = (pixels.astype(jnp.float32) / 255 - mean) / std
        return evaluate.predict(network, variables, images, batch_size=BATCH_SIZE)

    own = Normalisation(info.mean, info.std)
    others = {name: each for name, each in usual(info.channels).items() if each != own}
    return {"": _trial(own, _spread(logits, most), labels)} | {
        name: _trial(each, look(variables, pixels, np.float32(each.mean), np.float32(each.std)), labels)
        for name, each in others.items()
    }


def advice(trials: Mapping[str, Trial]) -> str:
    """Which of the trials fits best, in a line: by the loss, since the top-1 of like constants differs by chance."""
    own, best = trials[""], min(trials, key=lambda name: trials[name].losses.mean())
    if not best:
        return f"none of {len(trials) - 1} other usual normalisations has a lower loss than its {own.losses.mean():.4f}"
    other = trials[best]
    gain = own.losses - other.losses
    clear = gain.mean() > CLEARLY * gain.std() / len(gain) ** 0.5
    mean, std = (",".join(f"{number:g}" for number in numbers) for numbers in other.normalisation)
    return (
        f"another normalisation, {best}'s, fits {'' if clear else 'a little '}better: loss {other.losses.mean():.4f} "
        f"and top-1 {100 * other.top1:.2f} % instead of {own.losses.mean():.4f} and {100 * own.top1:.2f} % on "
        f"{len(gain):,} images; if it was trained so, convert again with --mean {mean} --std {std}"
    )


def _trial(normalisation: Normalisation, logits: Array, labels: Array) -> Trial:
    losses = -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], -1)[:, 0]
    return Trial(normalisation, float(evaluate.top1(logits, labels)), np.asarray(losses))


def _random_images(channels: int) -> np.ndarray:
    shape = (DRAWN, DRAWN_SIDE, DRAWN_SIDE, channels)
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def _normalised(pixels: np.ndarray, info: TeacherInfo) -> np.ndarray:
    return (np.float32(pixels) / 255 - np.float32(info.mean)) / np.float32(info.std)


def _spread(array: Array | np.ndarray, most: int) -> Array | np.ndarray:
    """At most that many rows, evenly, since data may be sorted by class."""
    return array[np.linspace(0, len(array) - 1, min(most, len(array))).astype(int)]
