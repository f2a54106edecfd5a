"""The adversarial game: a student lowers its disagreement with the teacher on images of a generator that raises it.

DFAD (Fang et al. 2019, arXiv:1912.11006, algorithm 1), with the seed's several students: a turn for each,
all against one generator with one optimizer state.
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax

from akd_jax.objectives import Objective
from akd_jax.steps import counted, in_turn, repeat
from akd_jax.types import AKDState, Array, Method, Network, NetworkState, Step, Variables


def moving(network: Network, variables: Variables, inputs: Array):
    """The network in training mode: the batch's statistics, and the running ones move."""
    return network.apply(variables, inputs, train=True)


def batch(network: Network, variables: Variables, inputs: Array):
    """The batch's statistics, while the running ones stay."""
    outputs, _ = network.apply(variables, inputs, train=True)
    return outputs, variables.batch_stats


def running(network: Network, variables: Variables, inputs: Array):
    """The running statistics, which stay."""
    return network.apply(variables, inputs, train=False)


BATCH_STATS: dict[str, Callable] = {"moving": moving, "batch": batch, "running": running}
"""How the player whose step it is not takes part: (network, variables, inputs) -> (outputs, batch_stats)."""


def student_step(
    name: str,
    teacher: Network,
    student: Network,
    generator: Network,
    *,
    objective: Objective,
    optimizer: optax.GradientTransformation,
    sample_latents: Callable[[Array], Array],
    generator_mode: Callable,
) -> Step:
    """The named student takes one step down on a fresh batch of images; metrics: student_loss."""

    def step(state: AKDState, teacher_variables: Variables, key: Array):
        player = state.students[name]
        images, generator_stats = generator_mode(generator, state.generator.variables, sample_latents(key))
        target, _ = teacher.apply(teacher_variables, images, train=False)

        def loss(params):
            outputs, batch_stats = student.apply(Variables(params, player.batch_stats), images, train=True)
            return objective.student_loss(target, outputs).mean(), batch_stats

        (value, batch_stats), gradients = jax.value_and_grad(loss, has_aux=True)(player.params)
        moved = _moved(player, gradients, batch_stats, optimizer)
        state = state.replace(
            students={**state.students, name: moved},
            generator=state.generator.replace(batch_stats=generator_stats),
        )
        return state, {"student_loss": value}

    return step


def generator_step(
    name: str,
    teacher: Network,
    student: Network,
    generator: Network,
    *,
    objective: Objective,
    optimizer: optax.GradientTransformation,
    sample_latents: Callable[[Array], Array],
    student_mode: Callable,
) -> Step:
    """The generator takes one step against the named student; metrics: generator_loss."""

    def step(state: AKDState, teacher_variables: Variables, key: Array):
        player, opponent = state.generator, state.students[name]
        latents = sample_latents(key)

        def loss(params):
            images, batch_stats = generator.apply(Variables(params, player.batch_stats), latents, train=True)
            target, _ = teacher.apply(teacher_variables, images, train=False)
            outputs, student_stats = student_mode(student, opponent.variables, images)
            return objective.generator_loss(target, outputs).mean(), (batch_stats, student_stats)

        (value, (batch_stats, student_stats)), gradients = jax.value_and_grad(loss, has_aux=True)(player.params)
        state = state.replace(
            students={**state.students, name: opponent.replace(batch_stats=student_stats)},
            generator=_moved(player, gradients, batch_stats, optimizer),
        )
        return state, {"generator_loss": value}

    return step


def _moved(player: NetworkState, gradients, batch_stats, optimizer) -> NetworkState:
    updates, opt_state = optimizer.update(gradients, player.opt_state, player.params)
    return NetworkState(optax.apply_updates(player.params, updates), batch_stats, opt_state)


def adversarial(
    teacher: Network,
    students: Mapping[str, Network],
    generator: Network,
    *,
    objective: Objective,
    student_optimizer: optax.GradientTransformation,
    generator_optimizer: optax.GradientTransformation,
    sample_latents: Callable[[Array], Array],
    student_steps: int,
    other_player: str = "moving",
) -> Method:
    """A turn for each student: `student_steps` student steps, then one generator step.

    sample_latents: key -> latents [B, Z].
    other_player: a name of BATCH_STATS. The seed and DFAD keep both players in training mode throughout, so
      a student step moves the generator's running statistics and a generator step the student's ("moving").
    """
    mode = BATCH_STATS[other_player]

    def turn(name: str) -> Step:
        networks = (name, teacher, students[name], generator)
        shared = {"objective": objective, "sample_latents": sample_latents}
        student = student_step(*networks, optimizer=student_optimizer, generator_mode=mode, **shared)
        opponent = generator_step(*networks, optimizer=generator_optimizer, student_mode=mode, **shared)
        return counted(in_turn(repeat(student, student_steps), opponent))

    def init(key: Array) -> AKDState:
        """Fresh players, each initialised with a key of its own."""
        generator_key, latents_key, *student_keys = jax.random.split(key, 2 + len(students))
        latents = sample_latents(latents_key)
        generator_state = _new_player(generator, generator_optimizer, generator_key, latents)
        images, _ = jax.eval_shape(lambda v: generator.apply(v, latents, train=False), generator_state.variables)
        blank = jnp.zeros(images.shape, images.dtype)
        return AKDState(
            step=jnp.zeros((), jnp.int32),
            students={
                name: _new_player(network, student_optimizer, student_key, blank)
                for (name, network), student_key in zip(students.items(), student_keys, strict=True)
            },
            generator=generator_state,
        )

    return Method(init, {name: turn(name) for name in students})


def _new_player(network: Network, optimizer, key: Array, inputs: Array) -> NetworkState:
    variables = network.init(key, inputs)
    return NetworkState(variables.params, variables.batch_stats, optimizer.init(variables.params))
