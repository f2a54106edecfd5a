"""Runs that differ in their seeds and in numbers that change no shape, played in step by one program."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from akd_jax.config_dict import differences, to_dict, with_numbers
from akd_jax.steps import members, run_rounds_up_to
from akd_jax.training.run import Run, method_with
from akd_jax.types import AKDState, Array, Metrics


class Own(NamedTuple):
    """What each of M runs has of its own.

    keys: [M], of their rounds. orders: [M], for the `order` of their `Lessons`; () in a game. numbers: full key -> [M],
    of the settings that differ.
    """

    keys: Array
    orders: Any
    numbers: dict[str, Array]


def own_of(runs: Sequence[Run]) -> Own:
    first = to_dict(runs[0].config)
    differing = sorted({key for run in runs for key in differences(first, to_dict(run.config))} - {"name", "seed"})
    numbers = {key: [reduce(getattr, key.split("."), run.config) for run in runs] for key in differing}
    return Own(
        keys=jnp.stack([run.game_key for run in runs]),
        orders=jnp.stack([run.given.order for run in runs]) if runs[0].lessons_info else (),
        numbers={key: jnp.float32(values) for key, values in numbers.items()},
    )


def rounds_up_to(
    run: Run, turn: str, most: int
) -> Callable[[Sequence[AKDState], Any, Own, Array], tuple[list[AKDState], list[Metrics]]]:
    """`steps.run_rounds_up_to` for many: (states, given, what is their own, rounds) -> (states, metrics) of each.

    run: any of them; given: its. The numbers are inputs of the program, so that one serves them all.
    """

    def rounds_of(states, given, own, rounds):
        def play(state, given, own):
            if run.lessons_info:
                given = given.replace(order=own.orders)
            method = method_with(run, with_numbers(run.config, own.numbers))
            return run_rounds_up_to(method.turns[turn].round, most)(state, given, own.keys, rounds)

        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
        played = members(play)(stacked, given, own)
        return tuple([jax.tree.map(lambda leaf, i=i: leaf[i], tree) for i in range(len(states))] for tree in played)

    return rounds_of
