"""Whether the game has gone quiet for a bad reason: what the generator draws, and what the networks say of it.

No labels are needed. All of it is measured on IMAGES images that are drawn with the same latents every time.

Where the default limits come from: ten epochs of configs/akd.py:digits, seed 0, on a CPU. Healthy: diversity 17.6 to
23.7, label entropy 0.88 to 0.97, agreement above 0.61, no warning. With the generator's rate 0, so that its images stay
as they began: 25, 0.87 and above 0.62, no warning, and rightly, for the students learn the digits from them, to 98 and
97 %. With the generator's rate 1.0: 1.0 and 0.0 from the third epoch on, warned of there; the students ended at 18 and
10 %.
"""

from collections.abc import Mapping, Sequence

import chex
import jax
import jax.numpy as jnp

from akd_jax.types import Array, Metrics

IMAGES = 256

MEANING = {
    "diversity": "the generator's images are alike",
    "label_entropy": "the teacher puts nearly all of the generator's images into one class",
    "plateau": "its disagreement with the teacher stands still and its agreement does not rise",
}
"""What `detect` finds -> what it means."""


def measure(images: Array, teacher_logits: Array, student_logits: Mapping[str, Array]) -> dict[str, Metrics]:
    """Student -> diversity and label_entropy, which are everybody's, and its own disagreement and agreement.

    images: [N, H, W, C]. logits: [N, classes] of the same images.
    disagreement: mean |student - teacher| of the logits, in units of the teacher's mean |logit|.
    agreement: the share of images that it puts into the teacher's class.
    """
    shared = {"diversity": diversity(images), "label_entropy": label_entropy(teacher_logits)}
    return {
        name: shared
        | {
            "disagreement": jnp.abs(logits - teacher_logits).mean() / jnp.abs(teacher_logits).mean(),
            "agreement": (logits.argmax(-1) == teacher_logits.argmax(-1)).sum() / len(logits),
        }
        for name, logits in student_logits.items()
    }


def diversity(images: Array) -> Array:
    """The effective number of different images among N, from 1, all alike, to N, all orthogonal; of any scale.

    The Vendi score of order 2 (Pasarkar and Dieng 2024, arXiv:2310.12952, of Friedman and Dieng 2023, arXiv:2210.02410)
    with the cosine of the flattened images as similarity: one over the mean of the squared similarities of all pairs.
    """
    chex.assert_rank(images, 4)
    flat = images.reshape(len(images), -1)
    flat = flat / jnp.maximum(jnp.linalg.norm(flat, axis=-1, keepdims=True), 1e-8)
    return 1 / jnp.square(flat @ flat.T).mean()


def label_entropy(logits: Array) -> Array:
    """In [0, 1]: the entropy of the classes that N images are put into, over log(classes), its largest.

    DAFL's information entropy (Chen et al. 2019, arXiv:1904.01186, section 3.2), of labels instead of probabilities.
    """
    classes = logits.shape[-1]
    shares = jnp.zeros(classes).at[logits.argmax(-1)].add(1) / len(logits)
    return jax.scipy.special.entr(shares).sum() / jnp.log(classes)


def detect(
    history: Sequence[Mapping[str, Mapping[str, float]]], *, diversity: float, label_entropy: float, plateau: int
) -> tuple[str, ...]:
    """The names of what has collapsed by the last evaluation: "diversity", "label_entropy", "plateau of STUDENT".

    history: {student: measures} of each evaluation, the oldest first. A measure that is NaN has collapsed.
    diversity, label_entropy: collapsed below that.
    plateau: so many evaluations (0 for never) in which a student's disagreement moved by less than 5 % of its mean,
    while its agreement is below 0.5 and has not risen by 0.01.
    """
    shared = next(iter(history[-1].values()))
    limits = {"diversity": diversity, "label_entropy": label_entropy}
    low = [name for name, limit in limits.items() if not shared[name] >= limit]
    still = [
        f"plateau of {name}"
        for name in history[-1]
        if plateau and _stands_still([at[name] for at in history[-plateau:] if name in at], plateau)
    ]
    return (*low, *still)


def _stands_still(measured: Sequence[Mapping[str, float]], plateau: int) -> bool:
    if len(measured) < plateau:
        return False
    disagreement, agreement = ([each[key] for each in measured] for key in ("disagreement", "agreement"))
    moved = max(disagreement) - min(disagreement) > 0.05 * sum(disagreement) / len(disagreement)
    return not moved and agreement[-1] < 0.5 and agreement[-1] - agreement[0] < 0.01
