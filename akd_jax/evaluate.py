"""What a classifier is worth on labelled images: accuracy, loss, calibration, agreement with the teacher."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import optax

from akd_jax.types import Array, Metrics, Network, Variables


def normalise(images: Array, mean: Array, std: Array) -> Array:
    """uint8 [..., C] in 0..255 -> float32, (x / 255 - mean) / std with mean and std [C]."""
    return (images.astype(jnp.float32) / 255 - mean) / std


def predict(
    network: Network, variables: Variables, images: Array, *, mean: Array, std: Array, batch_size: int
) -> Array:
    """Logits [N, classes] for uint8 images [N, H, W, C], batch by batch on the device, every image once."""
    chex.assert_rank(images, 4)
    count = images.shape[0]
    batches = -(-count // batch_size)
    padded = jnp.pad(images, ((0, batches * batch_size - count), (0, 0), (0, 0), (0, 0)))

    def logits(batch):
        return network.apply(variables, normalise(batch, mean, std), train=False)[0].logits

    predicted = jax.lax.map(logits, padded.reshape(batches, batch_size, *images.shape[1:]))
    return predicted.reshape(-1, predicted.shape[-1])[:count]


def predictor(
    network: Network, *, mean: Sequence[float], std: Sequence[float], batch_size: int
) -> Callable[[Variables, Array], Array]:
    """(variables, uint8 images [N, H, W, C]) -> logits [N, classes], compiled; mean and std are one a channel."""
    constants = {"mean": jnp.array(mean, jnp.float32), "std": jnp.array(std, jnp.float32)}
    return jax.jit(lambda variables, images: predict(network, variables, images, batch_size=batch_size, **constants))


def top1(logits: Array, labels: Array) -> Array:
    """The share of N images whose label has the largest logit."""
    # Not a mean, which multiplies by 1/N: all of 397 would be 0.99999994.
    return (logits.argmax(-1) == labels).sum() / len(labels)


def top5(logits: Array, labels: Array) -> Array:
    """The share of N images whose label has one of the five largest logits; of fewer classes, all count."""
    _, best = jax.lax.top_k(logits, min(5, logits.shape[-1]))
    return (best == labels[:, None]).any(-1).sum() / len(labels)


def calibration_error(logits: Array, labels: Array, *, bins: int = 15) -> Array:
    """Expected calibration error in [0, 1] (Guo et al. 2017, arXiv:1706.04599, equation 3).

    Confidences, the largest probabilities, fall into `bins` intervals of equal width, open below and closed above.
    """
    confidence = jax.nn.softmax(logits).max(-1)
    right = logits.argmax(-1) == labels
    interval = jnp.clip(jnp.ceil(confidence * bins).astype(jnp.int32) - 1, 0)
    return jnp.abs(jnp.zeros(bins).at[interval].add(right - confidence)).sum() / len(labels)


def by_class(logits: Array, labels: Array) -> tuple[Array, Array]:
    """(images [classes], how many of them are classified rightly [classes]), by their label."""
    classes = logits.shape[-1]
    right = logits.argmax(-1) == labels
    return jnp.zeros(classes, jnp.int32).at[labels].add(1), jnp.zeros(classes, jnp.int32).at[labels].add(right)


def measure(logits: Array, labels: Array, teacher_logits: Array) -> Metrics:
    """Means over N images: top1, loss (cross-entropy in nats), agreement (the same class as the teacher)."""
    chex.assert_equal_shape((logits, teacher_logits))
    chex.assert_shape(labels, logits.shape[:1])
    return {
        "top1": top1(logits, labels),
        "loss": cross_entropy(logits, labels),
        "agreement": agreement(logits, teacher_logits),
    }


def cross_entropy(logits: Array, labels: Array) -> Array:
    """The mean over N images, in nats."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def agreement(logits: Array, teacher_logits: Array) -> Array:
    """The share of N images that the teacher puts into the same class."""
    return top1(logits, teacher_logits.argmax(-1))


class Pool(NamedTuple):
    """Images to measure on, and the splits that share them, so that each image is looked at once.

    images: uint8 [N, H, W, C]; labels: int32 [N]; teacher_logits: [N, classes], computed once.
    splits: name -> positions [n] of its images.
    """

    images: Array
    labels: Array
    teacher_logits: Array
    splits: Mapping[str, Array]


Measures = dict[str, float]
"""top1, loss, agreement."""

Judge = Callable[[str, Variables], dict[str, Measures]]
"""(student's name, its variables) -> {split: its measures}."""


def judge(
    students: Mapping[str, Network], pool: Pool, *, mean: Sequence[float], std: Sequence[float], batch_size: int
) -> Judge:
    """Measures students on the splits of a pool; each network is compiled once. The measures are on the host."""
    predictors = {
        name: predictor(network, mean=mean, std=std, batch_size=batch_size) for name, network in students.items()
    }

    def judged(name, variables):
        logits = predictors[name](variables, pool.images)
        return {
            split: on_host(measure(logits[chosen], pool.labels[chosen], pool.teacher_logits[chosen]))
            for split, chosen in pool.splits.items()
        }

    return judged


def abstain(name: str, variables: Variables) -> dict[str, Measures]:
    """The judge of a run without labelled images."""
    return {}


def on_host(measures: Metrics) -> Measures:
    """Rounded to what float32 holds."""
    return {key: round(float(value), 6) for key, value in measures.items()}
