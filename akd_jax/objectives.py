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
    """The two losses of a game, on which its two steps are built.

    generator_loss: None where it is no business of the students', who then are shown nothing in the generator's step.
    """

    student_loss: Loss
    generator_loss: Loss | None


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


def jensen_shannon(temperature: float) -> Loss:
    """[B], in nats, at most log 2: (KL(p || m) + KL(q || m)) / 2, where p and q are softmax(teacher / T) and
    softmax(student / T), and m is their mean. What Adaptive DeepInversion raises (Yin et al. 2020, arXiv:1912.08795).
    """

    def loss(teacher: Outputs, student: Outputs) -> Array:
        _check_shapes(teacher, student)
        p, q = (jax.nn.log_softmax(outputs.logits / temperature) for outputs in (teacher, student))
        mean = jnp.logaddexp(p, q) - jnp.log(2.0)
        return (jnp.exp(p) * (p - mean) + jnp.exp(q) * (q - mean)).sum(-1) / 2

    return loss


def cross_entropy(outputs: Outputs, labels: Array, *, smoothing: float = 0.0) -> Array:
    """[B], in nats, of labels [B], of whose probability all classes share `smoothing` (arXiv:1512.00567, section 7)."""
    log_shares = jax.nn.log_softmax(outputs.logits)
    chosen = jnp.take_along_axis(log_shares, labels[:, None], -1)[:, 0]
    return -(1 - smoothing) * chosen - smoothing * log_shares.mean(-1)


def where_agreed(loss: Loss) -> Loss:
    """[B]: the loss where student and teacher put the image into the same class, 0 elsewhere.

    Of KL it is CMI's decision-adversarial term (Fang et al. 2021, arXiv:2105.08584), which a generator raises: images
    that the student gets right, though by little.
    """

    def agreed(teacher: Outputs, student: Outputs) -> Array:
        return (student.logits.argmax(-1) == teacher.logits.argmax(-1)) * loss(teacher, student)

    return agreed


def contrast(rows: Array, columns: Array, there: Array, *, temperature: float) -> Array:
    """[N], in nats: how hard it is to tell column i from the others as that of row i, both [N, D] of norm 1.

    InfoNCE (van den Oord et al. 2018, arXiv:1807.03748): cross-entropy of their products over `temperature`.
    there: [N], which pairs there are: others are in no one's way, and what is said of them means nothing.
    """
    products = jnp.where(there, rows @ columns.T / temperature, -1e9)
    return -jnp.diagonal(jax.nn.log_softmax(products))


def attention_transfer(teacher: Outputs, student: Outputs) -> Array:
    """[B]: how differently the two look at an image, over stages (Zagoruyko & Komodakis 2017, arXiv:1612.03928).

    Of each stage the mean over positions of (a - b)^2, where a and b are the networks' maps of mean squared activation
    over channels, flattened and of norm 1 (ZSKT, Micaelli & Storkey 2019, arXiv:1905.09768, and its code). Stages are
    compared where both have one of that height and width, the last of it. ValueError where there is none.
    """
    wanted, found = (
        {stage.shape[1:3]: _attention(stage) for stage in outputs.stages} for outputs in (teacher, student)
    )
    if not wanted.keys() & found.keys():
        sizes = [" ".join(f"{h}x{w}" for h, w in maps) or "none" for maps in (wanted, found)]
        raise ValueError(f"no stage of teacher and student is of one size: {sizes[0]} and {sizes[1]}")
    return sum(jnp.square(wanted[size] - found[size]).mean(-1) for size in wanted if size in found)


def _attention(stage: Array) -> Array:
    """[B, H, W, F] -> [B, H * W] of norm 1; 0 of a stage that is silent."""
    energy = jnp.square(stage).mean(-1).reshape(len(stage), -1)
    return energy * jax.lax.rsqrt(jnp.maximum(jnp.square(energy).sum(-1, keepdims=True), 1e-24))


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
