"""DFQ: the adversarial game with a generator that stays near what the teacher's batch norms and classes know.

Choi et al. 2020, arXiv:2005.04136, as CMI's library plays it for distillation.
"""

from typing import Any

import optax

from akd_jax.methods.accumulation import accumulated
from akd_jax.methods.assembly import assemble
from akd_jax.methods.match import GENERATOR_STEP, STUDENT_STEP, Match, generator_step, student_step
from akd_jax.methods.players import BATCH_STATS
from akd_jax.objectives import adversarial, kl
from akd_jax.priors import balance, batch_norm_statistics, one_hot
from akd_jax.steps import guarded, in_turn, repeat
from akd_jax.types import Array, Method, Network, Outputs, Turn, Variables


def dfq(
    *networks: Network,
    batch_size: int,
    student_steps: int,
    temperature: float,
    batch_norm_weight: float,
    one_hot_weight: float,
    balance_weight: float,
    student_statistics: str,
    accumulate: int = 1,
    **common: Any,
) -> Method:
    """Rounds of one generator step, then `student_steps` student steps on fresh images.

    The students' loss is KL; the generator's is -KL, with batch-norm statistics, one-hot and balance as weighted. The
    generator's batch norms go by the batch throughout, also in the student steps, as in CMI's library, and their
    running statistics move with each.
    student_statistics: of BATCH_STATS, how the students take part in the generator's step.
    networks, common, batch_size, accumulate: as of `assemble`; the teacher is not folded, for its batch norms are read.
    """

    def prior(images: Array, seen: Outputs, teacher_variables: Variables) -> Array:
        return (
            batch_norm_weight * batch_norm_statistics(seen.batch_norm_inputs, teacher_variables.batch_stats)
            + one_hot_weight * one_hot(seen.logits).mean()
            + balance_weight * balance(seen.logits)
        )

    def turn(
        match: Match, of_student: optax.GradientTransformation, of_generator: optax.GradientTransformation
    ) -> Turn:
        part = generator_step(match, of_generator, student_mode=BATCH_STATS[student_statistics], prior=prior)
        opponent = guarded(accumulated(part, accumulate), GENERATOR_STEP)
        part = student_step(match, of_student, generator_mode=BATCH_STATS["moving"])
        student = guarded(accumulated(part, accumulate), STUDENT_STEP)
        steps = {GENERATOR_STEP: opponent, STUDENT_STEP: student}
        round = in_turn(opponent, repeat(student, student_steps))
        return Turn(round, steps, students=tuple(match.students), teacher_queries=(1 + student_steps) * batch_size)

    objective = adversarial(kl(temperature))
    return assemble(
        *networks,
        objective=objective,
        turn=turn,
        batch_size=batch_size,
        student_steps=student_steps,
        accumulate=accumulate,
        **common,
    )
