"""The adversarial game: a student lowers its disagreement with the teacher on images of a generator that raises it.

DFAD (Fang et al. 2019, arXiv:1912.11006, algorithm 1), with the seed's several students: a turn for each, or one
for all, against one generator with one optimizer state.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from akd_jax.methods.players import BATCH_STATS, moved, new_player
from akd_jax.objectives import Objective
from akd_jax.steps import in_turn, repeat
from akd_jax.types import AKDState, Array, Method, Network, NetworkState, Outputs, Step, Turn, Variables

SizedOptimizer = Callable[[int], optax.GradientTransformation]
"""(updates in the whole run) -> an optimizer whose schedule is that long."""


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
    turns: Sequence[Sequence[str]] = (),
    other_player: str = "moving",
    image_penalty: Callable[[Array], Array | float] = no_penalty,
) -> Method:
    """Rounds of `student_steps` student steps, then one generator step.

    sample_latents: (key, *, num) -> latents [num, Z]. batch_size: images a step.
    rounds: of each turn in the whole run, which sizes the optimizers' schedules.
    turns: the students of each turn, which learn from the same images; none stands for a turn for each student.
    other_player: a name of BATCH_STATS. The seed and DFAD keep both players in training mode throughout, so
      a student step moves the generator's running statistics and a generator step the student's ("moving").
    image_penalty: images [B, H, W, C] -> [], added to the generator's loss.
    """
    mode = BATCH_STATS[other_player]
    latents = partial(sample_latents, num=batch_size)
    of_student = student_optimizer(rounds * student_steps)
    turns = turns or [(name,) for name in students]
    of_generator = generator_optimizer(rounds * len(turns))

    def turn(names: Sequence[str]) -> Turn:
        match = Match(teacher, {name: students[name] for name in names}, generator, objective, latents)
        student = student_step(match, of_student, generator_mode=mode)
        opponent = generator_step(match, of_generator, student_mode=mode, image_penalty=image_penalty)
        round = in_turn(repeat(student, student_steps), opponent)
        steps = {"student_step": student, "generator_step": opponent}
        return Turn(round, steps, students=tuple(names), teacher_queries=(student_steps + 1) * batch_size)

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

    return Method(init, {"+".join(names): turn(names) for names in turns}, sample)
