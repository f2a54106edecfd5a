"""Runs that differ in their seeds and in numbers that change no shape, played in step by one program."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp

from akd_jax.config_dict import differences, to_dict, with_numbers
from akd_jax.experiment import method_of
from akd_jax.run import Run
from akd_jax.steps import members, run_rounds_up_to
from akd_jax.types import AKDState, Array, Metrics, Variables

Own = tuple[Array, dict[str, Array]]
"""What each run has of its own: its game's key [M], and full key -> its number [M] of the settings that differ."""


def own(runs: Sequence[Run]) -> Own:
    first = to_dict(runs[0].config)
    differing = sorted({key for run in runs for key in differences(first, to_dict(run.config))} - {"seed"})
    numbers = {key: [reduce(getattr, key.split("."), run.config) for run in runs] for key in differing}
    return jnp.stack([run.game_key for run in runs]), {key: jnp.float32(values) for key, values in numbers.items()}


def rounds_up_to(
    run: Run, turn: str, most: int
) -> Callable[[Sequence[AKDState], Variables, Own, Array], tuple[list[AKDState], list[Metrics]]]:
    """`steps.run_rounds_up_to` for many: (states, teacher, what is their own, rounds) -> (states, metrics) of each.

    run: any of them. The numbers are inputs of the program, so that one serves them all.
    """

    def rounds_of(states, teacher, own, rounds):
        def play(state, teacher, own):
            key, numbers = own
            method = _method(run, numbers)
            return run_rounds_up_to(method.turns[turn].round, most)(state, teacher, key, rounds)

        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
        played = members(play)(stacked, teacher, own)
        return tuple([jax.tree.map(lambda leaf, i=i: leaf[i], tree) for i in range(len(states))] for tree in played)

    return rounds_of


def _method(run: Run, numbers: dict[str, Any]):
    """The run's, with these numbers in its settings."""
    networks = run.experiment
    config = with_numbers(run.config, numbers)
    return method_of(config, networks.teacher, networks.students, networks.generator)
