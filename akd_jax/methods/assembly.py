"""What methods with one generator have in common: how a run begins, whose turns there are, what is drawn."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from akd_jax.methods.accumulation import of_mean
from akd_jax.methods.match import Match
from akd_jax.methods.players import new_player
from akd_jax.objectives import Objective
from akd_jax.sharding import as_it_is
from akd_jax.types import FILLING, AKDState, Array, Method, Network, Turn

SizedOptimizer = Callable[[int], optax.GradientTransformation]
"""(updates in the whole run) -> an optimizer whose schedule is that long."""

TurnOf = Callable[[Match, optax.GradientTransformation, optax.GradientTransformation], Turn]
"""(the match of a turn's students, the students' optimizer, the generator's) -> the turn."""


def no_memory(images: jax.ShapeDtypeStruct) -> tuple[()]:
    """Whatever the images."""
    return ()


def assemble(
    teacher: Network,
    students: Mapping[str, Network],
    generator: Network,
    *,
    objective: Objective,
    turn: TurnOf,
    student_optimizer: SizedOptimizer,
    generator_optimizer: SizedOptimizer,
    sample_latents: Callable[..., Array],
    batch_size: int,
    student_steps: int,
    rounds: int,
    accumulate: int = 1,
    turns: Sequence[Sequence[str]] = (),
    filling: int = 0,
    fill: TurnOf | None = None,
    split: Callable[[Array], Array] = as_it_is,
    memory: Callable[[jax.ShapeDtypeStruct], Any] = no_memory,
    average_generator: bool = False,
) -> Method:
    """The method whose turns are as `turn` has them, with one generator step each and `student_steps` student steps.

    sample_latents: (key, *, num) -> latents [num, Z]. batch_size: images a step.
    rounds: of each turn in the whole run, which sizes the optimizers' schedules.
    accumulate: in how many parts a step plays its batch (`accumulated`), a divisor of batch_size: a turn's match draws
      a part, its optimizers move at the last, and its steps are to be made of so many.
    turns: the students of each turn, which learn from the same images; none stands for a turn for each student.
    filling: rounds of each turn, the first, in which all students sit out: their schedules are of the others. In these
      a turn FILLING is played, as `fill` makes it of the match of all.
    split: what every batch of latents goes through, which may divide it among devices (`sharding.Placement`).
    memory: the shape of what the generator draws [B, H, W, C] -> the method's memory at the start.
    average_generator: whether the generator keeps a moving average of itself.
    """
    turns = turns or [(name,) for name in students]
    of_student = of_mean(student_optimizer((rounds - filling) * student_steps), accumulate)
    of_generator = of_mean(generator_optimizer(rounds * len(turns)), accumulate)

    def draw(key: Array) -> Array:
        return sample_latents(key, num=batch_size // accumulate)

    match = Match(teacher, students, generator, objective, lambda key: split(draw(key)))

    def init(key: Array) -> AKDState:
        """Fresh players, each initialised with a key of its own."""
        generator_key, latents_key, *student_keys = jax.random.split(key, 2 + len(students))
        latents = draw(latents_key)
        generator_state = new_player(generator, of_generator, generator_key, latents, average=average_generator)
        images, _ = jax.eval_shape(lambda v: generator.apply(v, latents, train=False), generator_state.variables)
        return AKDState(
            step=jnp.zeros((), jnp.int32),
            students={
                name: new_player(network, of_student, student_key, images)
                for (name, network), student_key in zip(students.items(), student_keys, strict=True)
            },
            generator=generator_state,
            memory=memory(images),
        )

    def sample(state: AKDState, key: Array, *, num: int) -> Array:
        """Images drawn with the generator's running statistics."""
        return generator.apply(state.generator.variables, sample_latents(key, num=num), train=False)[0]

    played = {"+".join(names): turn(match.among(names), of_student, of_generator) for names in turns}
    if filling:
        played[FILLING] = fill(match, of_student, of_generator)
    return Method(init, played, sample)
