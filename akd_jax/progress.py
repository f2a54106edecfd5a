"""What changes while a run goes on; all of it is in every checkpoint."""

import copy
from dataclasses import dataclass, field

import jax

from akd_jax.checkpoint import Checkpoints
from akd_jax.evaluate import Measures
from akd_jax.types import AKDState, Variables


@dataclass
class Progress:
    """state: of the game. best: each student's variables when its top-1 on the first split was highest.

    measures: what the best measured then, {student: {split: top1, loss, agreement and the round}}.
    seconds: of training so far.
    """

    state: AKDState
    best: dict[str, Variables]
    measures: dict[str, dict[str, Measures]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def round(self) -> int:
        return int(self.state.step)

    def keep_if_best(self, name: str, measured: dict[str, Measures], splits: tuple[str, ...]) -> None:
        """Remembers the named student if it is better on the first of `splits` than ever before."""
        first = splits[0]
        # A best that was never measured on this split (its name may change on resume) is no measure to beat.
        best = self.measures.get(name, {}).get(first)
        if best is None or measured[first]["top1"] > best["top1"]:
            self.measures[name] = {split: measured[split] | {"round": self.round} for split in splits}
            self.best[name] = copied(self.state.students[name].variables)

    def add_to_best(self, name: str, measured: dict[str, Measures]) -> None:
        """Remembers what the named student's best measured on further splits."""
        if name in self.measures:
            round = next(iter(self.measures[name].values()))["round"]
            self.measures[name] |= {split: values | {"round": round} for split, values in measured.items()}

    def best_round(self, splits: tuple[str, ...]) -> int:
        """The last round at which any student was better on the first of `splits` than ever before."""
        return max(int(measures[splits[0]]["round"]) for measures in self.measures.values())


def fresh(state: AKDState) -> Progress:
    """At the start every student's best is its first."""
    return Progress(state, {name: copied(player.variables) for name, player in state.students.items()})


def save(checkpoints: Checkpoints, progress: Progress) -> None:
    """Returns before the writing ends; the progress may go on at once."""
    meta = copy.deepcopy({"measures": progress.measures, "seconds": progress.seconds})
    checkpoints.save(progress.round, {"state": progress.state, "best": progress.best}, meta)


def restore(checkpoints: Checkpoints, round: int, like: Progress) -> Progress:
    """The progress at `round`, with the shapes and placement of `like`. Raises InputError if it cannot be read."""
    saved, meta = checkpoints.restore(round, {"state": like.state, "best": like.best})
    return Progress(saved["state"], saved["best"], **meta)


def copied(variables: Variables) -> Variables:
    """Buffers of its own: those of the state are given to the next dispatch to overwrite."""
    return jax.tree.map(lambda leaf: leaf.copy(), variables)
