"""DAFL: a generator of images that the teacher is sure of, whatever the students think of them.

Chen et al. 2019, arXiv:1904.01186.
"""

import math
from typing import Any

import optax

from akd_jax.methods.accumulation import accumulated
from akd_jax.methods.assembly import assemble
from akd_jax.methods.match import (
    GENERATOR_STEP,
    STUDENT_STEP,
    Match,
    generator_step,
    on_the_same_latents,
    student_steps_on_one_batch,
)
from akd_jax.objectives import Objective, kl
from akd_jax.priors import activation, balance, one_hot
from akd_jax.steps import guarded
from akd_jax.types import Array, Method, Network, Outputs, Turn, Variables


def dafl(
    *networks: Network,
    batch_size: int,
    temperature: float,
    one_hot_weight: float,
    balance_weight: float,
    activation_weight: float,
    accumulate: int = 1,
    **common: Any,
) -> Method:
    """Rounds of one student step and one generator step on the same images.

    What DAFL's one joint step does, for neither's gradient depends on the other's step; but the teacher looks twice.
    The students' loss is KL. The generator's is one-hot, balance (its logarithms to base 10, as in DAFL's code) and
    minus activation, as weighted.
    networks, common, batch_size, accumulate: as of `assemble`.
    """
    objective = Objective(kl(temperature), generator_loss=None)

    def prior(images: Array, seen: Outputs, teacher_variables: Variables) -> Array:
        return (
            one_hot_weight * one_hot(seen.logits).mean()
            + balance_weight * balance(seen.logits) / math.log(10)
            - activation_weight * activation(seen.features).mean()
        )

    def turn(
        match: Match, of_student: optax.GradientTransformation, of_generator: optax.GradientTransformation
    ) -> Turn:
        learning = student_steps_on_one_batch(match, of_student, times=1, parts=accumulate)
        part = generator_step(match, of_generator, prior=prior)
        opponent = guarded(accumulated(part, accumulate), GENERATOR_STEP)
        return Turn(
            round=on_the_same_latents(learning, opponent),
            steps={STUDENT_STEP: learning, GENERATOR_STEP: opponent},
            students=tuple(match.students),
            teacher_queries=2 * batch_size,
        )

    return assemble(
        *networks,
        objective=objective,
        turn=turn,
        batch_size=batch_size,
        student_steps=1,
        accumulate=accumulate,
        **common,
    )
