"""What the teacher alone says of images, whoever made them: the terms that draw a generator towards data it knows.

Each is minimised: a term that the field subtracts has its sign where its weight is.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from akd_jax.types import Array, Outputs, Variables

Prior = Callable[[Array, Outputs, Variables], Array | float]
"""(images [B, H, W, C], what the teacher says of them, the teacher's variables) -> []."""


def no_prior(images: Array, teacher: Outputs, teacher_variables: Variables) -> float:
    """Images may be whatever they are."""
    return 0.0


def batch_norm_statistics(found: Any, running: Any) -> Array | float:
    """[]: how far a batch is from the data that the teacher's batch norms saw.

    The sum over batch norms of ||mean - running mean||_2 + ||variance - running variance||_2, norms over channels, not
    squared (DeepInversion, Yin et al. 2020, arXiv:1912.08795, as DFQ and those after it have it).
    found: `Outputs.batch_norm_inputs`. running: the teacher's batch_stats; ValueError where one has batch norms that
    the other lacks, as of a teacher whose batch norms are folded. 0 for a teacher without any.
    """
    distances = jax.tree.map(lambda batch, kept: _norm(batch - kept), found, running)
    return sum(jax.tree.leaves(distances), 0.0)


def blended(found: Any, average: Any, share: float) -> Any:
    """Statistics of a batch, of which `share` is the average of those before (Fast-Datafree, arXiv:2112.06253)."""
    return jax.tree.map(lambda new, old: (1 - share) * new + share * old, found, average)


def one_hot(logits: Array) -> Array:
    """[B], in nats: cross-entropy with the class of the largest logit (DAFL, Chen et al. 2019, arXiv:1904.01186).

    Low where the teacher is sure.
    """
    return -jax.nn.log_softmax(logits).max(-1)


def balance(logits: Array) -> Array:
    """[], in nats: sum p log p of the batch's mean probabilities: -log C for classes as frequent, 0 for one alone.

    DAFL's information entropy, with its sign.
    """
    # Of logarithms, since a class that no image is of would have a share of 0, whose logarithm has no gradient.
    log_shares = jax.nn.logsumexp(jax.nn.log_softmax(logits), axis=0) - jnp.log(len(logits))
    return (jnp.exp(log_shares) * log_shares).sum()


def activation(features: Array) -> Array:
    """[B]: mean |feature|, high on what the teacher's filters answer to. DAFL subtracts it."""
    return jnp.abs(features).mean(-1)


def total_variation(images: Array) -> Array:
    """[]: of a batch [B, H, W, C], the sum of ||x - its neighbour||_2 over neighbours to the right, below, and on both
    diagonals, each norm over the whole batch, as DeepInversion has it (arXiv:1912.08795).
    """
    rows, columns = slice(None, -1), slice(1, None)
    pairs = [
        (images[:, :, rows], images[:, :, columns]),
        (images[:, rows], images[:, columns]),
        (images[:, rows, rows], images[:, columns, columns]),
        (images[:, columns, rows], images[:, rows, columns]),
    ]
    return sum(_norm(one - other) for one, other in pairs)


def _norm(values: Array) -> Array:
    """The Euclidean norm; its gradient is 0 at 0, where a norm's own is not a number."""
    return jnp.sqrt(jnp.maximum(jnp.square(values).sum(), 1e-24))
