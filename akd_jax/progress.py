"""What changes while a run goes on; all of it is in every checkpoint."""

from collections.abc import Mapping
from typing import NamedTuple

import jax

from akd_jax.checkpoint import Checkpoints
from akd_jax.errors import InputError
from akd_jax.evaluate import Measures
from akd_jax.types import AKDState, Variables

SCHEMA = 2  # of what a checkpoint holds


class Best(NamedTuple):
    """A student when its top-1 on the first split was highest: its variables, after which round, what it measured.

    Before the first evaluation: as it began, and no measures.
    """

    variables: Variables
    round: int
    measures: Mapping[str, Measures]


class Progress(NamedTuple):
    """state: of the game. best: each student's. seconds: of training so far.

    skipped: kind of step -> how many, up to now, were left out in a row since they were not finite.
    collapsed: what had collapsed at the last evaluation (`collapse.detect`).
    """

    state: AKDState
    best: Mapping[str, Best]
    seconds: float
    skipped: Mapping[str, int] = {}
    collapsed: tuple[str, ...] = ()

    @property
    def round(self) -> int:
        return int(self.state.step)


def fresh(state: AKDState) -> Progress:
    """At the start every student's best is its first."""
    best = {name: Best(_copied(player.variables), 0, {}) for name, player in state.students.items()}
    return Progress(state, best, 0.0)


def keep_best(progress: Progress, measured: Mapping[str, Mapping[str, Measures]]) -> Progress:
    """Remembers each student that is better than ever before; measured: {student: {split: measures}}.

    The first split decides. A best that was never measured on it (a resumed run may name others) is no measure to
    beat. A student with a measure that is not finite (None) is no best.
    """
    best = dict(progress.best)
    for name, splits in measured.items():
        if not splits:
            continue
        first = next(iter(splits))
        if None in splits[first].values():
            continue
        old = best[name].measures.get(first)
        if old is None or splits[first]["top1"] > old["top1"]:
            best[name] = Best(_copied(progress.state.students[name].variables), progress.round, splits)
    return progress._replace(best=best)


def add_to_best(progress: Progress, measured: Mapping[str, Mapping[str, Measures]]) -> Progress:
    """Remembers what the students' bests measured on further splits; measured as for `keep_best`."""
    best = {
        name: old._replace(measures={**old.measures, **measured.get(name, {})}) for name, old in progress.best.items()
    }
    return progress._replace(best=best)


def best_round(progress: Progress) -> int | None:
    """The last round at which a student was better than ever before; None where none has been measured."""
    return max((best.round for best in progress.best.values() if best.measures), default=None)


def save(checkpoints: Checkpoints, progress: Progress) -> None:
    """Returns before the writing ends; the progress may go on at once."""
    best = {name: {"round": best.round, "measures": dict(best.measures)} for name, best in progress.best.items()}
    meta = {
        "schema": SCHEMA,
        "best": best,
        "seconds": progress.seconds,
        "skipped": dict(progress.skipped),
        "collapsed": list(progress.collapsed),
    }
    checkpoints.save(progress.round, _arrays(progress), meta)


def newest(checkpoints: Checkpoints, like: Progress) -> Progress | None:
    """The newest saved progress, with the shapes and placement of `like`; None where none has been saved.

    Raises InputError if it cannot be read.
    """
    round = checkpoints.latest()
    if round is None:
        return None
    arrays, meta = checkpoints.restore(round, _arrays(like))
    if meta.get("schema") != SCHEMA:
        raise InputError(f"checkpoint {round} was written by another version of akd_jax: take another --workdir")
    best = {name: Best(arrays["best"][name], **facts) for name, facts in meta["best"].items()}
    # The last two came later; a checkpoint from before has nothing to say of them.
    skipped, collapsed = meta.get("skipped", {}), tuple(meta.get("collapsed", ()))
    return Progress(arrays["state"], best, meta["seconds"], skipped, collapsed)


def _arrays(progress: Progress) -> dict:
    return {"state": progress.state, "best": {name: best.variables for name, best in progress.best.items()}}


def _copied(variables: Variables) -> Variables:
    """Buffers of its own: those of the state are given to the next dispatch to overwrite."""
    return jax.tree.map(lambda leaf: leaf.copy(), variables)
