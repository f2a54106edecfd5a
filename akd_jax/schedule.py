"""When each player moves: rounds in dispatches, dispatches in epochs.

An epoch plays `rounds_per_epoch` rounds of every turn in order. A dispatch is a run of rounds of one turn
that is one compiled program; between dispatches the host may write, evaluate and save.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple


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


def rounds_by_turn(turns: Sequence[str], *, rounds_per_epoch: int, played: int) -> dict[str, int]:
    """How many of a run's first `played` rounds were each turn's."""
    blocks, rest = divmod(played, rounds_per_epoch)
    counts = {turn: rounds_per_epoch * len(range(i, blocks, len(turns))) for i, turn in enumerate(turns)}
    counts[turns[blocks % len(turns)]] += rest
    return counts
