"""When each player moves: rounds in dispatches, dispatches in epochs.

An epoch plays `rounds_per_epoch` rounds of every turn in order; the first epochs may play as many of one turn that
stands for all, FILLING. A dispatch is a run of rounds of one turn that is one call of a compiled program; between
dispatches the host may write, evaluate and save.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from akd_jax.types import FILLING

DISPATCH_SECONDS = 10.0
"""What a dispatch should take at most. The host cannot answer a signal while one runs, and whoever stops a run waits
30 s before it kills: a third of that leaves time to finish and save, also where a dispatch takes longer than the last.
What the host does in between takes milliseconds, so longer ones would gain nothing."""


class Schedule(NamedTuple):
    """turns: their names in order, but FILLING. rounds_per_epoch: of each turn. rounds_per_dispatch: at most; 0 for
    what fits. filling: epochs of FILLING instead, before the others.
    """

    turns: tuple[str, ...]
    epochs: int
    rounds_per_epoch: int
    rounds_per_dispatch: int
    filling: int = 0

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of all turns that are ever played."""
        return (*((FILLING,) if self.filling else ()), *self.turns)

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


def next_dispatch(schedule: Schedule, start: int, paces: Mapping[str, float]) -> Dispatch:
    """What to play from round `start` on. A dispatch never crosses a turn's end.

    paces: seconds that a round takes, by turn. Where the schedule leaves it open, a turn whose pace is not known yet
    plays one round.
    """
    turns, per_epoch = schedule.turns, schedule.rounds_per_epoch
    played, after = divmod(start, per_epoch)
    epoch = played // len(turns)
    turn = FILLING if epoch < schedule.filling else turns[played % len(turns)]
    rounds = schedule.rounds_per_dispatch or fitting(paces.get(turn, math.inf), per_epoch)
    return Dispatch(turn, epoch, start, min(rounds, per_epoch - after))


def fitting(seconds_per_round: float, rounds_per_epoch: int) -> int:
    """How many rounds fit into DISPATCH_SECONDS, at least one, so that an epoch's dispatches are about equally long."""
    if seconds_per_round * rounds_per_epoch <= DISPATCH_SECONDS:
        return rounds_per_epoch
    most = max(1, int(DISPATCH_SECONDS / seconds_per_round))
    return math.ceil(rounds_per_epoch / math.ceil(rounds_per_epoch / most))


def rounds_by_turn(schedule: Schedule, played: int) -> dict[str, int]:
    """How many of a run's first `played` rounds were each turn's."""
    turns, per_epoch = schedule.turns, schedule.rounds_per_epoch
    filled = min(played, schedule.filling * schedule.rounds_in_epoch)
    blocks, rest = divmod(played - filled, per_epoch)
    counts = {turn: per_epoch * len(range(i, blocks, len(turns))) for i, turn in enumerate(turns)}
    counts[turns[blocks % len(turns)]] += rest
    return counts | ({FILLING: filled} if schedule.filling else {})
