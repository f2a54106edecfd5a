"""Where a run that is begun again goes on."""

from akd_jax import files, metrics, progress, workdir
from akd_jax.conclusion import is_over
from akd_jax.errors import InputError, SavedStateError
from akd_jax.progress import Progress
from akd_jax.run import Run


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


def is_reported(run: Run, now: Progress) -> bool:
    """Whether the run is at its end, and summary.json tells of it: a kill may have come between the two."""
    summary = run.directory / workdir.SUMMARY
    if not is_over(run, now) or not summary.exists():
        return False
    told = files.read_json(summary)
    return told["finished"] and told["rounds"] == now.round
