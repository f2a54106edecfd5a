"""What is timed of our game, and of the plain Flax loop."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from akd_jax import compilation
from akd_jax.compilation import compiled
from akd_jax.config import Config, TeacherConfig
from akd_jax.models.network import on_pixels
from akd_jax.steps import repeat, run_rounds_up_to
from akd_jax.teacher_files import load
from akd_jax.training.judge import predictor
from akd_jax.types import Array
from benchmarks import games
from benchmarks.flax_game import plain

Play = Callable[[], object]
"""What is timed; returns when it is done."""


def phases(variant: str, config: Config, start: Path) -> dict[str, Callable[[], Play]]:
    """Name -> makes what is timed, compiled. A play is as many of the phase as `games.times` says."""
    table = games.lay(config)
    options = compilation.options(table.config.compilation.options)
    if variant == "flax":
        return _stepwise(plain(table), {}, donate=())
    if variant == "jax_stepwise":
        return _stepwise(table, options, donate=(0,))
    (turn,) = table.experiment.method.turns.values()
    steps = {name: repeat(step, games.times(config)[name]) for name, step in turn.steps.items()}
    played = {  # the round first: peak memory is read after it, and students learn from a bank that is not empty
        "round": partial(_played, table, run_rounds_up_to(turn.round, games.ROUNDS), options, jnp.int32(games.ROUNDS)),
        **{name: partial(_played, table, step, options) for name, step in steps.items()},
    }
    if games.has_bank(table.config):  # what is outside of rounds is as in other games
        return played
    return played | {
        "evaluation": partial(_evaluation, table, options),
        "sampling": partial(_sampling, table, options),
        "conversion": partial(_conversion, table, start),
    }


def _played(table: games.Table, step: Callable, options: compilation.Options, *rest: Array) -> Play:
    """`step` as one program that goes on from where it stopped."""
    program = compiled(step, *games.arguments(table), *rest, options=options, donate=0)
    state = jax.tree.map(jnp.copy, table.state)

    def play():
        nonlocal state
        state, _ = program(state, *games.arguments(table)[1:], *rest)
        jax.block_until_ready(state)

    return play


def _stepwise(
    table: games.Table, options: compilation.Options, donate: tuple[int, ...]
) -> dict[str, Callable[[], Play]]:
    """One program a step, driven by Python."""
    (turn,) = table.experiment.method.turns.values()
    moves = {name: [name] for name in turn.steps} | {"round": games.in_order(table.config)}

    @cache
    def program(name):
        return compiled(turn.steps[name], *games.arguments(table), options=options, donate=donate)

    def make(phase: str) -> Play:
        state, key = jax.tree.map(jnp.copy, table.state), jax.random.key(games.KEY)
        in_order = [program(name) for name in moves[phase] * games.times(table.config)[phase]]

        def play():
            nonlocal state, key
            for step in in_order:
                key, step_key = jax.random.split(key)
                state, _ = step(state, table.teacher_variables, step_key)
            jax.block_until_ready(state)

        return play

    return {phase: partial(make, phase) for phase in moves}


def _evaluation(table: games.Table, options: compilation.Options) -> Play:
    (network,) = table.experiment.students.values()
    (player,) = table.state.students.values()
    images = games.images_of(table, games.EVALUATED)
    look = predictor(on_pixels(network, [0.5], [0.25]), batch_size=games.EVALUATION_BATCH, options=options)
    pixels = jnp.zeros(images.shape, jnp.uint8)
    variables = jax.tree.map(jnp.copy, player.variables)

    def evaluate():
        np.asarray(look(variables, pixels)).argmax(1)

    return evaluate


def _sampling(table: games.Table, options: compilation.Options) -> Play:
    state, key = jax.tree.map(jnp.copy, table.state), jax.random.key(0)
    draw = compiled(partial(table.experiment.method.sample, num=games.SAMPLED), state, key, options=options)

    def sample():
        jax.block_until_ready(draw(state, key))

    return sample


def _conversion(table: games.Table, start: Path) -> Play:
    given = table.config.teacher

    return lambda: load(TeacherConfig(str(start / "teacher.pth"), given.arch, given.mean, given.std))
