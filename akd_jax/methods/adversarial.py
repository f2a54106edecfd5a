"""The adversarial game: a student lowers its disagreement with the teacher on images of a generator that raises it.

DFAD (Fang et al. 2019, arXiv:1912.11006, algorithm 1), with the seed's several students: a turn for each, or one
for all, against one generator with one optimizer state.
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
    many_student_steps,
    student_step,
)
from akd_jax.methods.players import BATCH_STATS
from akd_jax.methods.players import averaged as with_average
from akd_jax.objectives import Objective
from akd_jax.priors import Prior, no_prior
from akd_jax.steps import guarded, in_turn, repeat
from akd_jax.types import AKDState, Array, Method, Metrics, Network, Step, Turn


def adversarial(
    *networks: Network,
    objective: Objective,
    batch_size: int,
    student_steps: int,
    teacher_steps: int = 1,
    accumulate: int = 1,
    other_player: str = "moving",
    prior: Prior = no_prior,
    replay_decay: float = 0.0,
    **common: Any,
) -> Method:
    """Rounds of `student_steps` student steps, then one generator step.

    teacher_steps: of how many student steps the teacher looks at the images in one batch; a divisor of student_steps.
      Not beside accumulate.
    other_player: a name of BATCH_STATS. The seed and DFAD keep both players in training mode throughout, so
      a student step moves the generator's running statistics and a generator step the student's ("moving").
    prior: added to the generator's loss.
    replay_decay: of a moving average that the generator keeps of itself, of which then half of the students' images
      are, so that they do not forget what it has left (MAD: Do et al. 2022, arXiv:2209.10359); 0 for none. With it,
      batches are of an even number of images.
    networks, common, batch_size, accumulate: as of `assemble`.
    """
    mode = BATCH_STATS[other_player]

    def turn(
        match: Match, of_student: optax.GradientTransformation, of_generator: optax.GradientTransformation
    ) -> Turn:
        part = student_step(match, of_student, generator_mode=mode)
        student = guarded(accumulated(part, accumulate), STUDENT_STEP)
        learning = (
            repeat(student, student_steps)
            if teacher_steps == 1
            else many_student_steps(match, of_student, generator_mode=mode, times=student_steps, at_once=teacher_steps)
        )
        part = generator_step(match, of_generator, student_mode=mode, prior=prior)
        opponent = guarded(remembering(accumulated(part, accumulate), replay_decay), GENERATOR_STEP)
        round = in_turn(learning, opponent)
        steps = {STUDENT_STEP: student, GENERATOR_STEP: opponent}
        return Turn(round, steps, students=tuple(match.students), teacher_queries=(student_steps + 1) * batch_size)

    return assemble(
        *networks,
        objective=objective,
        turn=turn,
        batch_size=batch_size,
        student_steps=student_steps,
        accumulate=accumulate,
        average_generator=bool(replay_decay),
        **common,
    )


def remembering(step: Step, decay: float) -> Step:
    """The generator's step, after which the moving average of itself, if it keeps one, is a step later too."""

    def followed(state: AKDState, given: Any, key: Array) -> tuple[AKDState, Metrics]:
        state, metrics = step(state, given, key)
        return state.replace(generator=with_average(state.generator, decay)), metrics

    return followed
