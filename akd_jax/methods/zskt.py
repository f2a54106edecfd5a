"""ZSKT: the adversarial game in which the students learn several times from the images that the generator just made.

Micaelli & Storkey 2019, arXiv:1905.09768, algorithm 1. Its players both have Adam there, rates 2e-3 and 1e-3, and
gradients clipped to a norm of 5; here students have whatever optimizer they are given. Its generator ends in a batch
norm with scale and shift and no tanh, which none of `GENERATORS` does.
"""

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
from akd_jax.methods.players import BATCH_STATS
from akd_jax.objectives import Objective, attention_transfer, kl
from akd_jax.steps import guarded
from akd_jax.types import Array, Method, Network, Outputs, Turn


def zskt(
    *networks: Network,
    batch_size: int,
    student_steps: int,
    temperature: float,
    attention_weight: float,
    student_statistics: str,
    accumulate: int = 1,
    **common: Any,
) -> Method:
    """Rounds of one generator step, then `student_steps` student steps on what it now makes of the same latents.

    The teacher looks at those images once, for it and they stand still. The students' loss is KL over the number of
    classes, as ZSKT's code has it, and attention transfer as weighted; the generator's is minus that KL.
    student_statistics: of BATCH_STATS, how the students take part in the generator's step.
    networks, common, batch_size, accumulate: as of `assemble`.
    """

    def disagreement(seen: Outputs, student: Outputs) -> Array:
        return kl(temperature)(seen, student) / seen.logits.shape[-1]

    def student_loss(seen: Outputs, student: Outputs) -> Array:
        return disagreement(seen, student) + attention_weight * attention_transfer(seen, student)

    objective = Objective(student_loss, lambda seen, student: -disagreement(seen, student))

    def turn(
        match: Match, of_student: optax.GradientTransformation, of_generator: optax.GradientTransformation
    ) -> Turn:
        part = generator_step(match, of_generator, student_mode=BATCH_STATS[student_statistics])
        opponent = guarded(accumulated(part, accumulate), GENERATOR_STEP)
        learning = student_steps_on_one_batch(match, of_student, times=student_steps, parts=accumulate)
        return Turn(
            round=on_the_same_latents(opponent, learning),
            steps={GENERATOR_STEP: opponent, STUDENT_STEP: learning},
            students=tuple(match.students),
            teacher_queries=2 * batch_size,
        )

    return assemble(
        *networks,
        objective=objective,
        turn=turn,
        batch_size=batch_size,
        student_steps=student_steps,
        accumulate=accumulate,
        **common,
    )
