"""A run while it is played."""

from contextlib import ExitStack
from typing import NamedTuple

from akd_jax import workdir
from akd_jax.checkpoint import Checkpoints
from akd_jax.conclusion import is_evaluated
from akd_jax.progress import Progress
from akd_jax.recorder import Recorder
from akd_jax.run import Run


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
    return Seat(run, now, checkpoints, recorder, saved=now.round)
