"""The adversarial game: a student lowers its disagreement with the teacher on images of a generator that raises it.

DFAD (Fang et al. 2019, arXiv:1912.11006, algorithm 1), with the seed's several students: a turn for each, or one
for all, against one generator with one optimizer state.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import optax

from akd_jax.methods.accumulation import accumulated, of_mean
from akd_jax.methods.match import (
    GENERATOR_STEP,
    STUDENT_STEP,
    Match,
    generator_step,
    many_student_steps,
    no_penalty,
    student_step,
)
from akd_jax.methods.players import BATCH_STATS, new_player
from akd_jax.objectives import Objective
from akd_jax.sharding import as_it_is
from akd_jax.steps import guarded, in_turn, repeat
from akd_jax.types import AKDState, Array, Method, Network, Turn

SizedOptimizer = Callable[[int], optax.GradientTransformation]
"""(updates in the whole run) -> an optimizer whose schedule is that long."""


def adversarial(
    teacher: Network,
    students: Mapping[str, Network],
    generator: Network,
    *,
    objective: Objective,
    student_optimizer: SizedOptimizer,
    generator_optimizer: SizedOptimizer,
    sample_latents: Callable[..., Array],
    batch_size: int,
    student_steps: int,
    rounds: int,
    teacher_steps: int = 1,
    accumulate: int = 1,
    turns: Sequence[Sequence[str]] = (),
    other_player: str = "moving",
    image_penalty: Callable[[Array], Array | float] = no_penalty,
    split: Callable[[Array], Array] = as_it_is,
) -> Method:
    """Rounds of `student_steps` student steps, then one generator step.

    sample_latents: (key, *, num) -> latents [num, Z]. batch_size: images a step.
    rounds: of each turn in the whole run, which sizes the optimizers' schedules.
    teacher_steps: of how many student steps the teacher looks at the images in one batch; a divisor of student_steps.
    accumulate: in how many parts a step plays its batch (`accumulated`), a divisor of batch_size. Not beside
      teacher_steps.
    turns: the students of each turn, which learn from the same images; none stands for a turn for each student.
    other_player: a name of BATCH_STATS. The seed and DFAD keep both players in training mode throughout, so
      a student step moves the generator's running statistics and a generator step the student's ("moving").
    image_penalty: images [B, H, W, C] -> [], added to the generator's loss.
    split: what every batch of latents goes through, which may divide it among devices (`sharding.Placement`).
    """
    mode = BATCH_STATS[other_player]
    draw = partial(sample_latents, num=batch_size // accumulate)
    of_student = of_mean(student_optimizer(rounds * student_steps), accumulate)
    turns = turns or [(name,) for name in students]
    of_generator = of_mean(generator_optimizer(rounds * len(turns)), accumulate)

    def latents(key: Array) -> Array:
        return split(draw(key))

    def turn(names: Sequence[str]) -> Turn:
        match = Match(teacher, {name: students[name] for name in names}, generator, objective, latents)
        part = student_step(match, of_student, generator_mode=mode)
        student = guarded(accumulated(part, accumulate), STUDENT_STEP)
        learning = (
            repeat(student, student_steps)
            if teacher_steps == 1
            else many_student_steps(match, of_student, generator_mode=mode, times=student_steps, at_once=teacher_steps)
        )
        part = generator_step(match, of_generator, student_mode=mode, image_penalty=image_penalty)
        opponent = guarded(accumulated(part, accumulate), GENERATOR_STEP)
        round = in_turn(learning, opponent)
        steps = {STUDENT_STEP: student, GENERATOR_STEP: opponent}
        return Turn(round, steps, students=tuple(names), teacher_queries=(student_steps + 1) * batch_size)

    def init(key: Array) -> AKDState:
        """Fresh players, each initialised with a key of its own."""
        generator_key, latents_key, *student_keys = jax.random.split(key, 2 + len(students))
        inputs = draw(latents_key)
        generator_state = new_player(generator, of_generator, generator_key, inputs)
        images, _ = jax.eval_shape(lambda v: generator.apply(v, inputs, train=False), generator_state.variables)
        return AKDState(
            step=jnp.zeros((), jnp.int32),
            students={
                name: new_player(network, of_student, student_key, images)
                for (name, network), student_key in zip(students.items(), student_keys, strict=True)
            },
            generator=generator_state,
        )

    def sample(state: AKDState, key: Array, *, num: int) -> Array:
        """Images drawn with the generator's running statistics."""
        return generator.apply(state.generator.variables, sample_latents(key, num=num), train=False)[0]

    return Method(init, {"+".join(names): turn(names) for names in turns}, sample)
