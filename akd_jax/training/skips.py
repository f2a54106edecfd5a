"""Steps that were left out because something in them was not finite: how many, how many in a row, and why.

What `steps.guarded` reported, on the host.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np


class Skips(NamedTuple):
    """Of one kind of step in a dispatch.

    step: its name. quantities: what could have been not finite, causes first.
    faults: [quantities, rounds, steps in a round] bool, what was not.
    """

    step: str
    quantities: tuple[str, ...]
    faults: np.ndarray

    @property
    def skipped(self) -> np.ndarray:
        """[rounds, steps in a round] bool."""
        return self.faults.any(0)

    @property
    def rounds(self) -> np.ndarray:
        """[rounds] bool: those in which one of these steps was left out."""
        return self.skipped.any(1)

    def in_a_row(self, before: int) -> np.ndarray:
        """[all its steps in order]: how many up to each were left out in a row; before: those before the first."""
        counts = np.zeros(self.skipped.size, int)
        for i, skipped in enumerate(self.skipped.flat):
            before = counts[i] = before + 1 if skipped else 0
        return counts

    def describe(self, index: int, *, after: int) -> str:
        """The step of this index in order; after: rounds before the dispatch."""
        round, number = divmod(index, self.skipped.shape[1])
        quantity = self.quantities[int(np.argmax(self.faults.reshape(len(self.quantities), -1)[:, index]))]
        which = self.step.replace("_", " ") + (f" {number + 1}" if self.skipped.shape[1] > 1 else "")
        return f"{quantity} in {which} of round {after + round + 1}"


def split(played: Mapping[str, Any], steps: tuple[str, ...]) -> tuple[dict[str, Any], list[Skips]]:
    """(the metrics of a dispatch without faults, the skips of each of these steps that is guarded)."""
    metrics = dict(played)
    faults = {step: metrics.pop(f"{step}_faults") for step in steps if f"{step}_faults" in metrics}
    return metrics, [
        Skips(step, tuple(found), np.stack([flags.reshape(len(flags), -1) for flags in found.values()]))
        for step, found in faults.items()
    ]


def first(skipped: list[Skips]) -> Skips | None:
    """The kind of step of which one was left out in the earliest round; None where none was."""
    return min((kind for kind in skipped if kind.skipped.any()), key=lambda kind: kind.rounds.argmax(), default=None)


def by_round(skipped: list[Skips], rounds: int) -> np.ndarray:
    """[rounds] int: how many steps of any kind were left out in each."""
    return sum((kind.skipped.sum(1) for kind in skipped), np.zeros(rounds, int))
