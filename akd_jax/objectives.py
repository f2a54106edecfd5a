"""What the players minimise: per example where that can be; the step takes the mean."""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from akd_jax.types import Array, Outputs

Loss = Callable[[Outputs, Outputs], Array]
"""(teacher, student) -> [B], or [] where the batch's mean is not at the end of the formula."""


class Objective(NamedTuple):
    """The two losses of the adversarial family, on which its two steps are built."""

    student_loss: Loss
    generator_loss: Loss


def l1(teacher: Outputs, student: Outputs) -> Array:
    """[B]: the disagreement |student - teacher|, mean over the classes' logits (DFAD, arXiv:1912.11006, eq. 2)."""
    return jnp.abs(_difference(teacher, student)).mean(-1)


def mse(teacher: Outputs, student: Outputs) -> Array:
    """[B]: (student - teacher)^2, mean over the classes' logits."""
    return jnp.square(_difference(teacher, student)).mean(-1)


def kl(temperature: float) -> Loss:
    """[B]: T^2 KL(softmax(teacher / T) || softmax(student / T)) in nats (Hinton et al. 2015, arXiv:1503.02531).

    Its mean over the batch is PyTorch's "batchmean", C times larger than PyTorch's default reduction.
    """

    def loss(teacher: Outputs, student: Outputs) -> Array:
        _check_shapes(teacher, student)
        wanted = jax.nn.log_softmax(teacher.logits / temperature)
        found = jax.nn.log_softmax(student.logits / temperature)
        return temperature**2 * (jnp.exp(wanted) * (wanted - found)).sum(-1)

    return loss


def cross_entropy(outputs: Outputs, labels: Array, *, smoothing: float = 0.0) -> Array:
    """[B], in nats, of labels [B], of whose probability all classes share `smoothing` (arXiv:1512.00567, section 7)."""
    log_shares = jax.nn.log_softmax(outputs.logits)
    chosen = jnp.take_along_axis(log_shares, labels[:, None], -1)[:, 0]
    return -(1 - smoothing) * chosen - smoothing * log_shares.mean(-1)


def log_l1(teacher: Outputs, student: Outputs) -> Array:
    """[]: log(1 + mean disagreement), whose gradient fades as the disagreement grows (DFAD's variant)."""
    return jnp.log1p(l1(teacher, student).mean())


def diversity_loss(images: Array) -> Array:
    """[]: mean cosine similarity of different images in a batch [B, H, W, C], flattened; high where they are alike."""
    flat = images.reshape(images.shape[0], -1)
    flat = flat / jnp.maximum(jnp.linalg.norm(flat, axis=-1, keepdims=True), 1e-8)
    similarity = flat @ flat.T
    pairs = images.shape[0] * (images.shape[0] - 1)
    return (similarity.sum() - jnp.trace(similarity)) / pairs


def adversarial(student_loss: Loss, disagreement: Loss | None = None) -> Objective:
    """The student lowers its loss; the generator raises the disagreement, which is that loss unless given."""
    raised = disagreement or student_loss
    return Objective(student_loss, lambda teacher, student: -raised(teacher, student))


OBJECTIVES: dict[str, Callable[[float], Objective]] = {
    "l1": lambda temperature: adversarial(l1),
    "kl": lambda temperature: adversarial(kl(temperature)),
    "log_l1": lambda temperature: adversarial(l1, log_l1),
    "mse": lambda temperature: adversarial(mse),
}
"""name -> (temperature) -> Objective."""

TEMPERED = ("kl",)
"""Those that have use for a temperature."""


def _difference(teacher: Outputs, student: Outputs) -> Array:
    _check_shapes(teacher, student)
    return student.logits - teacher.logits


def _check_shapes(teacher: Outputs, student: Outputs) -> None:
    chex.assert_rank(teacher.logits, 2)
    chex.assert_equal_shape((teacher.logits, student.logits))
