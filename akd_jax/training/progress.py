"""What changes while a run goes on; all of it is in every checkpoint."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import jax

from akd_jax.checkpoint import Checkpoints
from akd_jax.errors import SavedStateError, warn
from akd_jax.evaluate import Measures
from akd_jax.sharding import on_one_device
from akd_jax.types import AKDState, Variables


class Best(NamedTuple):
    """A student when its top-1 on the first split was highest: its variables, on one device, after which round, what it
    measured.

    Before the first evaluation: as it began, and no measures.
    """

    variables: Variables
    round: int
    measures: Mapping[str, Measures]


class Progress(NamedTuple):
    """state: of the game. best: each student's.

    evaluated: the round of the last evaluation, None before the first. no_better: how many evaluations, up to it, have
    measured the students since one of them was better than ever before. Of the last one: last, student -> {split: its
    measures}; generator, student -> measures of what the generator draws (`collapse.measure`); collapsed, what had
    collapsed by then; ending, why the run was over with it, None where it was to go on.
    skipped: kind of step and turn -> how many, up to now, were left out in a row since they were not finite.
    seconds of training, teacher_queries (images that the teacher was shown) and flops (floating-point operations) are
    of the rounds played, which may have been with other settings than those to come.
    """

    state: AKDState
    best: Mapping[str, Best]
    last: Mapping[str, Mapping[str, Measures]]
    generator: Mapping[str, Measures]
    seconds: float
    teacher_queries: int
    flops: int
    skipped: Mapping[str, int]
    collapsed: tuple[str, ...]
    evaluated: int | None
    no_better: int
    ending: str | None

    @property
    def round(self) -> int:
        return int(self.state.step)

    @property
    def on_one_device(self) -> AKDState:
        """The state there, to look at it or to save it."""
        return on_one_device(self.state)


def fresh(state: AKDState) -> Progress:
    """At the start every student's best is its first."""
    best = {name: Best(_copied(player.deployed), 0, {}) for name, player in state.students.items()}
    spent = {"seconds": 0.0, "teacher_queries": 0, "flops": 0}
    nothing = {"last": {}, "generator": {}, "skipped": {}, "collapsed": ()}
    return Progress(state, best, evaluated=None, no_better=0, ending=None, **nothing, **spent)


def keep_best(progress: Progress, measured: Mapping[str, Mapping[str, Measures]]) -> Progress:
    """Remembers each student that is better than ever before; measured: {student: {split: measures}}.

    The first split decides. A best that was never measured on it (a resumed run may name others) is no measure to
    beat. A student with a measure that is not finite (None), on whatever split, is no best.
    """
    best = dict(progress.best)
    for name, splits in measured.items():
        if not splits:
            continue
        first = next(iter(splits))
        if any(None in measures.values() for measures in splits.values()):
            continue
        old = best[name].measures.get(first)
        if old is None or splits[first]["top1"] > old["top1"]:
            best[name] = Best(_copied(progress.state.students[name].deployed), progress.round, splits)
    bettered = any(best[name] is not progress.best[name] for name in best)
    no_better = 0 if bettered else progress.no_better + any(measured.values())
    return progress._replace(best=best, no_better=no_better)


def add_to_best(progress: Progress, measured: Mapping[str, Mapping[str, Measures]]) -> Progress:
    """Remembers what the students' bests measured on further splits; measured as for `keep_best`."""
    best = {
        name: old._replace(measures={**old.measures, **measured.get(name, {})}) for name, old in progress.best.items()
    }
    return progress._replace(best=best)


def save(checkpoints: Checkpoints, progress: Progress) -> None:
    """Returns before the writing ends; the progress may go on at once."""
    best = {name: {"round": best.round, "measures": dict(best.measures)} for name, best in progress.best.items()}
    plain = {name: value for name, value in progress._asdict().items() if name not in ("state", "best")}
    checkpoints.save(progress.round, _arrays(progress), plain | {"best": best})


def newest(directory: Path, like: Progress, *, upto: float = math.inf) -> tuple[Progress | None, list[int]]:
    """(the newest progress saved there that is undamaged, placed like `like`; the rounds of the damaged ones after it).

    None where none has been saved. A warning names each damaged one; they stay where they are. What is of a later round
    than `upto` is not looked at.
    Raises SavedStateError where all are damaged, InputError where one is of other networks or another version.
    """
    damaged = {}
    with Checkpoints(directory, keep=None) as checkpoints:
        for round in (round for round in checkpoints.steps() if round <= upto):
            try:
                arrays, meta = checkpoints.restore(round, _arrays(like))
            except SavedStateError as error:
                damaged[round] = str(error)
                continue
            for message in damaged.values():
                warn(f"{message}: going on from checkpoint {round}")
            best = {name: Best(arrays["best"][name], **facts) for name, facts in meta.pop("best").items()}
            collapsed = tuple(meta.pop("collapsed"))
            return Progress(arrays["state"], best, collapsed=collapsed, **meta), list(damaged)
    if damaged:
        raise SavedStateError(
            f"no readable checkpoint in {directory} ({'; '.join(damaged.values())}): nothing was changed; put back a "
            "copy of one, or take another --workdir"
        )
    return None, []


def _arrays(progress: Progress) -> dict:
    return {"state": progress.on_one_device, "best": {name: best.variables for name, best in progress.best.items()}}


def _copied(variables: Variables) -> Variables:
    """Buffers of its own: those of the state are given to the next dispatch to overwrite."""
    return jax.tree.map(lambda leaf: leaf.copy(), on_one_device(variables))
