"""What the players minimise, per example; the step takes the mean."""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax.numpy as jnp

from akd_jax.types import Array, Outputs

Loss = Callable[[Outputs, Outputs], Array]
"""(teacher, student) -> [B]."""


class Objective(NamedTuple):
    """The two losses of the adversarial family, on which its two steps are built."""

    student_loss: Loss
    generator_loss: Loss


def l1(teacher: Outputs, student: Outputs) -> Array:
    """[B]: the disagreement |student - teacher|, mean over the classes' logits (DFAD, arXiv:1912.11006, eq. 2)."""
    chex.assert_rank(teacher.logits, 2)
    chex.assert_equal_shape((teacher.logits, student.logits))
    return jnp.abs(student.logits - teacher.logits).mean(-1)


def adversarial(disagreement: Loss) -> Objective:
    """The student lowers the disagreement, the generator raises it."""
    return Objective(disagreement, lambda teacher, student: -disagreement(teacher, student))


OBJECTIVES: dict[str, Objective] = {"l1": adversarial(l1)}
