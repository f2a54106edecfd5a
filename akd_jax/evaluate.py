"""What a classifier is worth on labelled images: accuracy, loss, calibration, agreement with the teacher."""

import chex
import jax
import jax.numpy as jnp

from akd_jax.types import Array, Metrics, Network, Variables

Measures = dict[str, float | None]
"""What `measure` found, on the host; None where it is not finite."""


def predict(network: Network, variables: Variables, images: Array, *, batch_size: int) -> Array:
    """Logits [N, classes] for the images [N, H, W, C] that the network takes, by batches, every image once."""
    chex.assert_rank(images, 4)
    count = images.shape[0]
    batches = -(-count // batch_size)
    padded = jnp.pad(images, ((0, batches * batch_size - count), (0, 0), (0, 0), (0, 0)))
    predicted = jax.lax.map(
        lambda batch: network.apply(variables, batch, train=False)[0].logits,
        padded.reshape(batches, batch_size, *images.shape[1:]),
    )
    return predicted.reshape(-1, predicted.shape[-1])[:count]


def measure(logits: Array, labels: Array, teacher_logits: Array | None = None) -> Metrics:
    """Of N images: top1, top5, loss (mean cross-entropy in nats), ece (see `calibration_error`).

    With the teacher's logits also agreement, the share of images that it puts into the same class, and kl, the mean of
    KL(teacher || student) in nats, at temperature 1.
    """
    chex.assert_shape(labels, logits.shape[:1])
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], -1)
    measures = {
        "top1": top1(logits, labels),
        "top5": top5(logits, labels),
        "loss": -chosen.mean(),
        "ece": calibration_error(logits, labels),
    }
    if teacher_logits is None:
        return measures
    chex.assert_equal_shape((logits, teacher_logits))
    teacher, student = jax.nn.log_softmax(teacher_logits), jax.nn.log_softmax(logits)
    return measures | {
        "agreement": top1(logits, teacher_logits.argmax(-1)),
        "kl": (jnp.exp(teacher) * (teacher - student)).sum(-1).mean(),
    }


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
