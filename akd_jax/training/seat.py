"""A run while it is played."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple

from akd_jax import workdir
from akd_jax.checkpoint import Checkpoints
from akd_jax.training import progress
from akd_jax.training.conclusion import draw
from akd_jax.training.due import is_evaluated, is_over
from akd_jax.training.judge import Evaluation
from akd_jax.training.progress import Progress
from akd_jax.training.recorder import Recorder
from akd_jax.training.run import Run


class Seat(NamedTuple):
    """A run at the table: what it is, how far it came, and where that is written down.

    saved: the round up to which it is on disk, or up to which there is nothing to lose.
    """

    run: Run
    now: Progress
    checkpoints: Checkpoints
    recorder: Recorder
    saved: int


def taken(run: Run, now: Progress, opened: ExitStack) -> Seat:
    """A run goes on from here; what it writes to is open as long as the stack is."""
    checkpoints = opened.enter_context(Checkpoints(run.directory / workdir.CHECKPOINTS, keep=workdir.KEEP))
    recorder = opened.enter_context(Recorder(run, after=now.round, evaluated=is_evaluated(run, now)))
    now = now._replace(state=run.placement.everywhere(now.state))
    return Seat(run, now, checkpoints, recorder, saved=now.round)


def completed(seat: Seat, judges: Evaluation) -> Seat:
    """With what a kill may have left undone after an evaluation was saved."""
    run, now, _, recorder, _ = seat
    if not is_evaluated(run, now):
        return seat
    now = now._replace(ending=now.ending if is_over(run, now) else None)
    recorder.report(now, teacher_top1=judges.teacher_top1)
    draw(run, now, recorder)
    return seat._replace(now=now)


def save(seats: Sequence[Seat]) -> list[Seat]:
    """Saves each whose last rounds are not on disk; returns before the writing ends, with all as they are by then."""
    settle(seats)
    for seat in seats:
        if seat.now.round > seat.saved:
            progress.save(seat.checkpoints, seat.now)
    return [seat._replace(saved=seat.now.round) for seat in seats]


def settle(seats: Sequence[Seat]) -> None:
    """Until all is on disk. None saves a round before all have the one before, so there is always one that all have."""
    for seat in seats:
        seat.checkpoints.wait()
