"""Where a run that is begun again goes on."""

from collections.abc import Sequence

from akd_jax import files, metrics, workdir
from akd_jax.checkpoint import remove_after, rounds_in
from akd_jax.errors import InputError, SavedStateError
from akd_jax.training import progress
from akd_jax.training.due import is_over
from akd_jax.training.progress import Progress
from akd_jax.training.run import Run


def where_it_stopped(run: Run, start: Progress) -> tuple[Progress, list[int]]:
    """(the progress to go on from, the rounds of damaged checkpoints after it).

    Raises as `progress.newest`, SavedStateError too where there is none after rounds that were reported, and InputError
    where metrics.jsonl is damaged.
    """
    metrics.read(run.directory / workdir.METRICS)
    saved, damaged = progress.newest(run.directory / workdir.CHECKPOINTS, start)
    if saved is None:
        summary = run.directory / workdir.SUMMARY
        if summary.exists() and (played := files.read_json(summary)["rounds"]):
            raise SavedStateError(
                f"no readable checkpoint in {run.directory / workdir.CHECKPOINTS} after {played} rounds: nothing was "
                "changed; put back a copy of one, or take another --workdir"
            )
        return start, damaged
    if saved.round > run.schedule.rounds:
        raise InputError(
            f"{run.directory} has played {saved.round} rounds, and these settings are for {run.schedule.rounds}: raise "
            "schedule.epochs, or take another --workdir"
        )
    return saved, damaged


def where_they_stopped(runs: Sequence[Run], starts: Sequence[Progress]) -> list[tuple[Progress, list[int]]]:
    """As `where_it_stopped`, of each, after the newest round that all have: a kill may have come between their saves.

    Raises SavedStateError too where they have none, although rounds were saved more than once.
    """
    found = [where_it_stopped(run, start) for run, start in zip(runs, starts, strict=True)]
    while (most := min(now.round for now, _ in found)) < max(now.round for now, _ in found):
        found = [
            (now, damaged) if now.round == most else _before(run, start, most, damaged)
            for run, start, (now, damaged) in zip(runs, starts, found, strict=True)
        ]
    return found


def _before(run: Run, start: Progress, most: int, damaged: list[int]) -> tuple[Progress, list[int]]:
    """What the run saved after at most so many rounds; damaged: later ones that are known to be so."""
    directory = run.directory / workdir.CHECKPOINTS
    saved, others = progress.newest(directory, start, upto=most)
    there = rounds_in(directory)
    if saved is None and (most or len(there) > 1):  # a first save may have been cut short, any other had one before it
        raise SavedStateError(
            f"the members of the sweep have no checkpoint of the same round: {directory} has those after "
            f"{' and '.join(map(str, there))} rounds, and another one's newest is after {most}: nothing was changed; "
            "put back copies of what is missing, or take another --workdir"
        )
    return saved or start, [*damaged, *others]


def is_reported(run: Run, now: Progress) -> bool:
    """Whether the run is at its end, and summary.json tells of it: a kill may have come between the two."""
    summary = run.directory / workdir.SUMMARY
    if not is_over(run, now) or not summary.exists():
        return False
    told = files.read_json(summary)
    return told["finished"] and told["rounds"] == now.round


def go_back(run: Run, now: Progress, damaged: Sequence[int]) -> None:
    """Takes out of the way what is there of later rounds, which are played again."""
    checkpoints, summary = run.directory / workdir.CHECKPOINTS, run.directory / workdir.SUMMARY
    for round in damaged:
        files.set_aside(checkpoints / f"{round}", run.directory / workdir.DAMAGED)
    if next(iter(rounds_in(checkpoints)), 0) > now.round:
        summary.unlink(missing_ok=True)  # or a kill would leave it to tell of rounds that nothing is left of
        remove_after(checkpoints, now.round)
