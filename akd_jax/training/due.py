"""Whether a run's progress is at an evaluation, or at its end."""

from akd_jax.training.progress import Progress
from akd_jax.training.run import Run


def evaluation_due(run: Run, now: Progress) -> bool:
    """After every so many epochs, but for those in which no student moves, and at the end; once, but for an end that
    forced settings put where none was.
    """
    epoch, rest = divmod(now.round, run.schedule.rounds_in_epoch)
    at_an_end = epoch > run.schedule.filling and not rest and epoch % run.config.evaluation.every_epochs == 0
    if now.round == run.schedule.rounds:
        return now.evaluated != now.round or now.ending is None
    return now.evaluated != now.round and at_an_end


def is_evaluated(run: Run, now: Progress) -> bool:
    """Whether its last rounds were followed by an evaluation, and need no other."""
    return now.evaluated == now.round and not evaluation_due(run, now)


def ending(run: Run, now: Progress) -> str | None:
    """Why the run is over with the evaluation that was just made; None where it goes on."""
    if now.round == run.schedule.rounds:
        return "all rounds are played"
    patience = run.config.schedule.patience
    if patience and now.no_better >= patience and any(now.last.values()):
        return f"no student got better in {patience} evaluations"
    if run.config.collapse.stop and now.collapsed:
        return f"the game collapsed ({', '.join(now.collapsed)})"
    return None


def is_over(run: Run, now: Progress) -> bool:
    """Whether a run that is resumed was over with its last evaluation, and is so with the settings of now.

    Settings that would end it only now have their say at the next evaluation.
    """
    return now.evaluated == now.round and now.ending is not None and ending(run, now) is not None
