"""A match: students against the generator, and the step of either side."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from akd_jax.methods.accumulation import accumulated, in_parts, part_of
from akd_jax.methods.players import batch, moved, running
from akd_jax.norm import norm
from akd_jax.objectives import Objective
from akd_jax.priors import Prior, no_prior
from akd_jax.steps import averaged, guarded, in_turn
from akd_jax.types import AKDState, Array, Metrics, Network, NetworkState, Outputs, Step, Variables

STUDENT_STEP, GENERATOR_STEP = "student_step", "generator_step"


class Match(NamedTuple):
    """Students against the generator, all on the same images. sample_latents: (key) -> latents [B, Z]."""

    teacher: Network
    students: Mapping[str, Network]
    generator: Network
    objective: Objective
    sample_latents: Callable[[Array], Array]

    def among(self, names: Sequence[str]) -> "Match":
        """The match of these students alone."""
        return self._replace(students={name: self.students[name] for name in names})


def student_step(match: Match, optimizer: optax.GradientTransformation, *, generator_mode: Callable) -> Step:
    """Each student takes one step down on one fresh batch of images.

    Metrics: student_loss and student_gradient_norm of each.
    """

    def step(state: AKDState, teacher_variables: Variables, key: Array):
        state, images = _draw(match, state, key, generator_mode=generator_mode)
        target, _ = match.teacher.apply(teacher_variables, images, train=False)
        return learn(match, state, images, target, optimizer=optimizer)

    return step


def many_student_steps(
    match: Match, optimizer: optax.GradientTransformation, *, generator_mode: Callable, times: int, at_once: int
) -> Step:
    """`repeat` of guarded student steps, with a teacher that looks at the images of `at_once` of them in one batch.

    Exact but for rounding: the generator's parameters stand still meanwhile, its running statistics move from step to
    step all the same, and the frozen teacher sees every image by itself. `at_once` divides `times`. To the
    guard, `at_once` steps are one: they are taken or left out together, each with the faults of all.
    """

    def some(state: AKDState, teacher_variables: Variables, keys: Array):
        state, images = jax.lax.scan(
            lambda state, key: _draw(match, state, key, generator_mode=generator_mode), state, keys
        )
        target, _ = match.teacher.apply(teacher_variables, images.reshape(-1, *images.shape[2:]), train=False)
        # Without the statistics of batch norms' inputs, which are of all these batches together.
        logits, features = (each.reshape(*images.shape[:2], -1) for each in (target.logits, target.features))
        targets = Outputs(logits=logits, features=features, batch_norm_inputs={})
        return jax.lax.scan(
            lambda state, seen: learn(match, state, *seen, optimizer=optimizer), state, (images, targets)
        )

    def steps(state: AKDState, teacher_variables: Variables, key: Array):
        step = guarded(some, STUDENT_STEP)
        keys = jax.random.split(key, (times // at_once, at_once))
        state, metrics = jax.lax.scan(lambda state, keys: step(state, teacher_variables, keys), state, keys)
        of_each = jax.tree.map(lambda v: jnp.repeat(v, at_once) if v.dtype == bool else v, metrics)
        return state, averaged(of_each, (0, 1))

    return steps


def student_steps_on_one_batch(
    match: Match, optimizer: optax.GradientTransformation, *, times: int, parts: int = 1
) -> Step:
    """`times` guarded student steps on one fresh batch of images, at which the teacher looks once.

    parts: in how many each step plays it (`accumulated`).
    The generator's running statistics stay: where a method draws so, the generator's own step moves them.
    """

    def part(state: AKDState, shown: tuple[Array, Outputs], key: Array):
        return learn(match, state, *shown, optimizer=optimizer)

    step = guarded(accumulated(part, parts, share=part_of), STUDENT_STEP)

    def steps(state: AKDState, teacher_variables: Variables, key: Array):
        def show(key: Array) -> tuple[Array, Outputs]:
            images, _ = batch(match.generator, state.generator.variables, match.sample_latents(key))
            return images, match.teacher.apply(teacher_variables, images, train=False)[0]

        shown = in_parts(show, key, parts)
        # No step draws anything more, so what key it is given does not matter.
        state, metrics = jax.lax.scan(lambda state, _: step(state, shown, jax.random.clone(key)), state, length=times)
        return state, averaged(metrics)

    return steps


def on_the_same_latents(*steps: Step) -> Step:
    """One step of a match after the other, all with one key, so that all draw the same latents."""
    return in_turn(*steps, deal=lambda key, num: [jax.random.clone(key) for _ in range(num)])


def _draw(match: Match, state: AKDState, key: Array, *, generator_mode: Callable) -> tuple[AKDState, Array]:
    """A batch of images, with the generator's running statistics moved as its mode wants it.

    Every other image is of the generator's moving average, if it keeps one (MAD: Do et al. 2022, arXiv:2209.10359).
    """
    player, latents = state.generator, match.sample_latents(key)
    if not player.average:
        images, stats = generator_mode(match.generator, player.variables, latents)
    else:
        # In pairs, so that devices which share a batch have both kinds and send none.
        pairs = latents.reshape(-1, 2, *latents.shape[1:])
        new, stats = generator_mode(match.generator, player.variables, pairs[:, 0])
        old, _ = batch(match.generator, player.average, pairs[:, 1])
        images = jnp.stack([new, old], axis=1).reshape(-1, *new.shape[1:])
    return state.replace(generator=player.replace(batch_stats=stats)), images


def learn(
    match: Match, state: AKDState, images: Array, target: Outputs, *, optimizer: optax.GradientTransformation
) -> tuple[AKDState, Metrics]:
    """Each student one step nearer to what the teacher says of these images; metrics as of `student_step`."""

    def loss(student: Network, variables: Variables) -> tuple[Array, Any]:
        outputs, batch_stats = student.apply(variables, images, train=True)
        return match.objective.student_loss(target, outputs).mean(), batch_stats

    return lower(match, state, lambda student, _: partial(loss, student), optimizer=optimizer)


def lower(
    match: Match,
    state: AKDState,
    loss: Callable[[Network, Variables], Callable[[Variables], tuple[Array, Any]]],
    *,
    optimizer: optax.GradientTransformation,
) -> tuple[AKDState, Metrics]:
    """Each student one step down; metrics as of `student_step`.

    loss: (student, its variables, as they stand still) -> (variables) -> ([], batch_stats).
    """

    def taught(student: Network, player: NetworkState) -> tuple[NetworkState, Array, Array]:
        of_variables = loss(student, player.variables)
        (value, batch_stats), gradients = jax.value_and_grad(
            lambda params: of_variables(Variables(params, player.batch_stats)), has_aux=True
        )(player.params)
        return moved(player, gradients, batch_stats, optimizer), value, norm(gradients)

    learnt = {name: taught(student, state.students[name]) for name, student in match.students.items()}
    players, losses, norms = ({name: each[i] for name, each in learnt.items()} for i in range(3))
    metrics = {"student_loss": losses, "student_gradient_norm": norms}
    return state.replace(students={**state.students, **players}), metrics


def generator_step(
    match: Match,
    optimizer: optax.GradientTransformation,
    *,
    student_mode: Callable = running,
    prior: Prior = no_prior,
) -> Step:
    """The generator takes one step against the students; metrics: generator_loss and generator_gradient_norm.

    Its loss is the mean over the students, if it has one of theirs, and what the prior makes of its images.
    """
    judges = match.students if match.objective.generator_loss else {}

    def step(state: AKDState, teacher_variables: Variables, key: Array):
        player = state.generator
        latents = match.sample_latents(key)

        def loss(params):
            images, batch_stats = match.generator.apply(Variables(params, player.batch_stats), latents, train=True)
            target, _ = match.teacher.apply(teacher_variables, images, train=False)
            played = {
                name: student_mode(student, state.students[name].variables, images) for name, student in judges.items()
            }
            losses = [match.objective.generator_loss(target, outputs).mean() for outputs, _ in played.values()]
            value = sum(losses) / max(len(losses), 1) + prior(images, target, teacher_variables)
            return value, (batch_stats, {name: stats for name, (_, stats) in played.items()})

        (value, (batch_stats, stats)), gradients = jax.value_and_grad(loss, has_aux=True)(player.params)
        opponents = {name: state.students[name].replace(batch_stats=moved_to) for name, moved_to in stats.items()}
        state = state.replace(
            students={**state.students, **opponents}, generator=moved(player, gradients, batch_stats, optimizer)
        )
        return state, {"generator_loss": value, "generator_gradient_norm": norm(gradients)}

    return step
