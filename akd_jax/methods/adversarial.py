"""The adversarial game: a student lowers its disagreement with the teacher on images of a generator that raises it.

DFAD (Fang et al. 2019, arXiv:1912.11006, algorithm 1), with the seed's several students: a turn for each,
all against one generator with one optimizer state.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from akd_jax.methods.players import BATCH_STATS, moved, new_player
from akd_jax.objectives import Objective
from akd_jax.steps import in_turn, repeat
from akd_jax.types import AKDState, Array, Method, Network, Step, Turn, Variables

SizedOptimizer = Callable[[int], optax.GradientTransformation]
"""(updates in the whole run) -> an optimizer whose schedule is that long."""


class Match(NamedTuple):
    """One student against the generator.

    name: the student's in the state. sample_latents: (key) -> latents [B, Z].
    """

    name: str
    teacher: Network
    student: Network
    generator: Network
    objective: Objective
    sample_latents: Callable[[Array], Array]


def student_step(match: Match, optimizer: optax.GradientTransformation, *, generator_mode: Callable) -> Step:
    """The student takes one step down on a fresh batch of images; metrics: student_loss."""
    name, teacher, student, generator, objective, sample_latents = match

    def step(state: AKDState, teacher_variables: Variables, key: Array):
        player = state.students[name]
        images, generator_stats = generator_mode(generator, state.generator.variables, sample_latents(key))
        target, _ = teacher.apply(teacher_variables, images, train=False)

        def loss(params):
            outputs, batch_stats = student.apply(Variables(params, player.batch_stats), images, train=True)
            return objective.student_loss(target, outputs).mean(), batch_stats

        (value, batch_stats), gradients = jax.value_and_grad(loss, has_aux=True)(player.params)
        state = state.replace(
            students={**state.students, name: moved(player, gradients, batch_stats, optimizer)},
            generator=state.generator.replace(batch_stats=generator_stats),
        )
        return state, {"student_loss": value}

    return step


def no_penalty(images: Array) -> float:
    """Images may be whatever they are."""
    return 0.0


def generator_step(
    match: Match,
    optimizer: optax.GradientTransformation,
    *,
    student_mode: Callable,
    image_penalty: Callable[[Array], Array | float] = no_penalty,
) -> Step:
    """The generator takes one step against the student; metrics: generator_loss, with the penalty on its images."""
    name, teacher, student, generator, objective, sample_latents = match

    def step(state: AKDState, teacher_variables: Variables, key: Array):
        player, opponent = state.generator, state.students[name]
        latents = sample_latents(key)

        def loss(params):
            images, batch_stats = generator.apply(Variables(params, player.batch_stats), latents, train=True)
            target, _ = teacher.apply(teacher_variables, images, train=False)
            outputs, student_stats = student_mode(student, opponent.variables, images)
            value = objective.generator_loss(target, outputs).mean() + image_penalty(images)
            return value, (batch_stats, student_stats)

        (value, (batch_stats, student_stats)), gradients = jax.value_and_grad(loss, has_aux=True)(player.params)
        state = state.replace(
            students={**state.students, name: opponent.replace(batch_stats=student_stats)},
            generator=moved(player, gradients, batch_stats, optimizer),
        )
        return state, {"generator_loss": value}

    return step


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
    other_player: str = "moving",
    image_penalty: Callable[[Array], Array | float] = no_penalty,
) -> Method:
    """A turn for each student: `student_steps` student steps, then one generator step.

    sample_latents: (key, *, num) -> latents [num, Z]. batch_size: images a step.
    rounds: of each turn in the whole run, which sizes the optimizers' schedules.
    other_player: a name of BATCH_STATS. The seed and DFAD keep both players in training mode throughout, so
      a student step moves the generator's running statistics and a generator step the student's ("moving").
    image_penalty: images [B, H, W, C] -> [], added to the generator's loss.
    """
    mode = BATCH_STATS[other_player]
    latents = partial(sample_latents, num=batch_size)
    of_student = student_optimizer(rounds * student_steps)
    of_generator = generator_optimizer(rounds * len(students))

    def turn(name: str) -> Turn:
        match = Match(name, teacher, students[name], generator, objective, latents)
        student = student_step(match, of_student, generator_mode=mode)
        opponent = generator_step(match, of_generator, student_mode=mode, image_penalty=image_penalty)
        round = in_turn(repeat(student, student_steps), opponent)
        return Turn(round, students=(name,), images=(student_steps + 1) * batch_size)

    def init(key: Array) -> AKDState:
        """Fresh players, each initialised with a key of its own."""
        generator_key, latents_key, *student_keys = jax.random.split(key, 2 + len(students))
        inputs = latents(latents_key)
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

    return Method(init, {name: turn(name) for name in students}, sample)
