"""A match: students against the generator, and the step of either side."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import optax

from akd_jax.methods.players import moved
from akd_jax.objectives import Objective
from akd_jax.types import AKDState, Array, Network, NetworkState, Outputs, Step, Variables


class Match(NamedTuple):
    """Students against the generator, all on the same images. sample_latents: (key) -> latents [B, Z]."""

    teacher: Network
    students: Mapping[str, Network]
    generator: Network
    objective: Objective
    sample_latents: Callable[[Array], Array]


def student_step(match: Match, optimizer: optax.GradientTransformation, *, generator_mode: Callable) -> Step:
    """Each student takes one step down on one fresh batch of images; metrics: student_loss of each."""

    def learn(student: Network, player: NetworkState, images: Array, target: Outputs) -> tuple[NetworkState, Array]:
        def loss(params):
            outputs, batch_stats = student.apply(Variables(params, player.batch_stats), images, train=True)
            return match.objective.student_loss(target, outputs).mean(), batch_stats

        (value, batch_stats), gradients = jax.value_and_grad(loss, has_aux=True)(player.params)
        return moved(player, gradients, batch_stats, optimizer), value

    def step(state: AKDState, teacher_variables: Variables, key: Array):
        latents = match.sample_latents(key)
        images, generator_stats = generator_mode(match.generator, state.generator.variables, latents)
        target, _ = match.teacher.apply(teacher_variables, images, train=False)
        learnt = {
            name: learn(student, state.students[name], images, target) for name, student in match.students.items()
        }
        state = state.replace(
            students={**state.students, **{name: player for name, (player, _) in learnt.items()}},
            generator=state.generator.replace(batch_stats=generator_stats),
        )
        return state, {"student_loss": {name: value for name, (_, value) in learnt.items()}}

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
    """The generator takes one step against the students; metrics: generator_loss, with the penalty on its images.

    Its loss is the mean over the students.
    """

    def step(state: AKDState, teacher_variables: Variables, key: Array):
        player = state.generator
        latents = match.sample_latents(key)

        def loss(params):
            images, batch_stats = match.generator.apply(Variables(params, player.batch_stats), latents, train=True)
            target, _ = match.teacher.apply(teacher_variables, images, train=False)
            played = {
                name: student_mode(student, state.students[name].variables, images)
                for name, student in match.students.items()
            }
            losses = [match.objective.generator_loss(target, outputs).mean() for outputs, _ in played.values()]
            value = sum(losses) / len(losses) + image_penalty(images)
            return value, (batch_stats, {name: stats for name, (_, stats) in played.items()})

        (value, (batch_stats, stats)), gradients = jax.value_and_grad(loss, has_aux=True)(player.params)
        opponents = {name: state.students[name].replace(batch_stats=moved_to) for name, moved_to in stats.items()}
        state = state.replace(
            students={**state.students, **opponents}, generator=moved(player, gradients, batch_stats, optimizer)
        )
        return state, {"generator_loss": value}

    return step
