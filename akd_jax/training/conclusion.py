"""What follows an epoch that is evaluated: measurements, reports, pictures."""

import math
import time
from collections.abc import Iterable

from akd_jax import collapse, metrics
from akd_jax.checkpoint import Checkpoints
from akd_jax.errors import warn
from akd_jax.evaluate import Measures
from akd_jax.metrics import Row
from akd_jax.training import progress
from akd_jax.training.briefing import report_evaluation
from akd_jax.training.due import ending
from akd_jax.training.judge import Evaluation, Judge
from akd_jax.training.progress import Progress
from akd_jax.training.recorder import Recorder
from akd_jax.training.run import Run


def conclude(run: Run, now: Progress, judges: Evaluation, recorder: Recorder, checkpoints: Checkpoints) -> Progress:
    """Measures, saves, draws and reports; the progress with what came of it."""
    students = run.config.students
    last = {name: _measure(run, now, name, judges.during, recorder) for name in students}
    now = _inspect(run, progress.keep_best(now, last), judges, recorder)
    now = now._replace(last=last, evaluated=now.round)
    now = now._replace(ending=ending(run, now))
    if now.ending:
        last = {name: now.last[name] | _measure(run, now, name, judges.at_end, recorder) for name in students}
        best = {name: judges.at_end(name, best.variables) for name, best in now.best.items()}
        now = progress.add_to_best(now._replace(last=last), best)
    progress.save(checkpoints, now)
    draw(run, now, recorder)  # while the checkpoint is written
    checkpoints.wait()  # nothing is reported that a kill could undo
    recorder.report(now, teacher_top1=judges.teacher_top1)
    report_evaluation(run, now, _epoch(run, now), now.last)
    return now


def draw(run: Run, now: Progress, recorder: Recorder) -> None:
    """What the generator makes after an evaluation, of every so many epochs and at the end."""
    if now.ending or _epoch(run, now) % run.config.sample_every_epochs == 0:
        recorder.draw(now)


def _epoch(run: Run, now: Progress) -> int:
    """How many epochs have been played."""
    return now.round // run.schedule.rounds_in_epoch


def _measure(run: Run, now: Progress, name: str, judge: Judge, recorder: Recorder) -> dict[str, Measures]:
    """Measures a student as it is and records what comes out."""
    started = time.monotonic()
    measured = judge(name, now.on_one_device.students[name].deployed)
    seconds = time.monotonic() - started
    for split, measures in measured.items():
        if bad := [key for key, value in measures.items() if value is None]:
            warn(f"{run.label}{', '.join(bad)} of {name} on {split} is not finite after round {now.round}")
    recorder.add(
        metrics.eval_rows(
            measured,
            spent=_spent(now),
            student=name,
            after=now.round,
            epoch=_epoch(run, now),
            seed=run.config.seed,
            seconds=seconds,
        )
    )
    return measured


def _spent(now: Progress) -> dict[str, float]:
    """Under the names of summary.json."""
    return {"teacher_queries": now.teacher_queries, "flops": now.flops, "wall_seconds": round(now.seconds, 3)}


def _inspect(run: Run, now: Progress, judges: Evaluation, recorder: Recorder) -> Progress:
    """Looks at what the generator draws: records it, and says what has collapsed since the last time."""
    started = time.monotonic()
    measured = judges.generator(now.on_one_device, run.sample_key)
    if not measured:
        return now
    seconds = time.monotonic() - started
    recorder.add(
        metrics.generator_rows(measured, after=now.round, epoch=_epoch(run, now), seed=run.config.seed, seconds=seconds)
    )
    wanted = run.config.collapse
    collapsed = collapse.detect(
        _history(recorder.rows("generator")),
        diversity=wanted.diversity,
        label_entropy=wanted.label_entropy,
        plateau=wanted.plateau,
    )
    for name in collapsed:
        if name not in now.collapsed:
            warn(f"{run.label}collapse after round {now.round}: {name} ({collapse.MEANING[name.split()[0]]})")
    return now._replace(generator=measured, collapsed=collapsed)


def _history(rows: Iterable[Row]) -> list[dict[str, Row]]:
    """Rows of the kind "generator" -> {student: row} of each evaluation, in order; NaN for what was not finite."""
    by_round: dict[int, dict[str, Row]] = {}
    for row in rows:
        numbers = {key: math.nan if value is None else value for key, value in row.items()}
        by_round.setdefault(row["round"], {})[row["student"]] = numbers
    return list(by_round.values())
