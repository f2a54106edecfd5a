"""When each player moves: rounds in dispatches, dispatches in epochs.

An epoch plays `rounds_per_epoch` rounds of every turn in order. A dispatch is a run of rounds of one turn
that is one compiled program; between dispatches the host may write, evaluate and save.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from akd_jax.types import AKDState, Array, Metrics, Step, Variables


def run_rounds(round: Step, num_rounds: int) -> Step:
    """`num_rounds` rounds as one `lax.scan`; metrics are [num_rounds].

    Round r's key is the run's key with r folded in, r counted from the run's first round. So five rounds and
    five more are ten, and a run resumes from its state and its key alone.
    """

    def rounds(state: AKDState, teacher: Variables, key: Array) -> tuple[AKDState, Metrics]:
        keys = jax.vmap(jax.random.fold_in, (None, 0))(key, state.step + jnp.arange(num_rounds))
        return jax.lax.scan(lambda state, key: round(state, teacher, key), state, keys)

    return rounds


class Dispatch(NamedTuple):
    """Rounds start ... start + rounds - 1 of the run, all of one turn, in one epoch (counted from 0)."""

    turn: str
    epoch: int
    start: int
    rounds: int

    @property
    def stop(self) -> int:
        return self.start + self.rounds


def dispatches(
    turns: Sequence[str], *, epochs: int, rounds_per_epoch: int, rounds_per_dispatch: int, start: int = 0
) -> Iterator[Dispatch]:
    """The rest of the run from round `start` on. A dispatch never crosses a turn's end."""
    while start < epochs * rounds_per_epoch * len(turns):
        played = start // rounds_per_epoch
        rounds = min(rounds_per_dispatch, rounds_per_epoch - start % rounds_per_epoch)
        yield Dispatch(turns[played % len(turns)], played // len(turns), start, rounds)
        start += rounds
