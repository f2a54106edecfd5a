"""When each player moves: rounds in dispatches, dispatches in epochs.

An epoch plays `rounds_per_epoch` rounds of every turn in order. A dispatch is a run of rounds of one turn
that is one compiled program; between dispatches the host may write, evaluate and save.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Schedule(NamedTuple):
    """turns: their names in order. rounds_per_epoch: of each turn. rounds_per_dispatch: at most."""

    turns: tuple[str, ...]
    epochs: int
    rounds_per_epoch: int
    rounds_per_dispatch: int

    @property
    def rounds_in_epoch(self) -> int:
        """Of all turns together."""
        return self.rounds_per_epoch * len(self.turns)

    @property
    def rounds(self) -> int:
        """Of the whole run."""
        return self.rounds_in_epoch * self.epochs


class Dispatch(NamedTuple):
    """Rounds start ... start + rounds - 1 of the run, all of one turn, in one epoch (counted from 0)."""

    turn: str
    epoch: int
    start: int
    rounds: int

    @property
    def stop(self) -> int:
        return self.start + self.rounds


def dispatches(schedule: Schedule, start: int = 0) -> Iterator[Dispatch]:
    """The rest of the run from round `start` on. A dispatch never crosses a turn's end."""
    turns, per_epoch = schedule.turns, schedule.rounds_per_epoch
    while start < schedule.rounds:
        played = start // per_epoch
        rounds = min(schedule.rounds_per_dispatch, per_epoch - start % per_epoch)
        yield Dispatch(turns[played % len(turns)], played // len(turns), start, rounds)
        start += rounds


def rounds_by_turn(schedule: Schedule, played: int) -> dict[str, int]:
    """How many of a run's first `played` rounds were each turn's."""
    turns, per_epoch = schedule.turns, schedule.rounds_per_epoch
    blocks, rest = divmod(played, per_epoch)
    counts = {turn: per_epoch * len(range(i, blocks, len(turns))) for i, turn in enumerate(turns)}
    counts[turns[blocks % len(turns)]] += rest
    return counts
