"""The one host loop: between compiled dispatches it measures, writes, saves and draws."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from akd_jax import files, metrics, progress, report, teacher_files, workdir
from akd_jax.briefing import announce_cost, introduce, report_end, report_evaluation, say
from akd_jax.checkpoint import Checkpoints
from akd_jax.config import Config
from akd_jax.config_dict import to_dict
from akd_jax.errors import NonFiniteError
from akd_jax.evaluate import Judge, Measures
from akd_jax.progress import Progress
from akd_jax.run import Run, prepare
from akd_jax.schedule import Dispatch
from akd_jax.steps import run_rounds
from akd_jax.summary import summarise
from akd_jax.tensorboard import Events
from akd_jax.types import AKDState, Metrics

Record = Callable[[Iterable[metrics.Row]], None]
"""Takes rows of metrics."""

Programs = dict[tuple[str, int], Any]
"""(turn, rounds) -> the compiled dispatch."""


def train(config: Config, directory: Path, *, force: bool = False, dry_run: bool = False) -> None:
    """Plays the game of `config` in `directory`, on from its newest checkpoint if it has one.

    dry_run: stops before the first round, with nothing written.
    Raises InputError, before anything is written, for settings, a teacher or data that cannot be used, and
    NonFiniteError if a loss is not finite.
    """
    run, state = prepare(config, directory, force=force or dry_run)
    introduce(run)
    if dry_run:
        plan = run.plan(0)
        announce_cost(run, plan, _compile(run, plan, state))
        return
    directory.mkdir(parents=True, exist_ok=True)
    with Checkpoints(directory / workdir.CHECKPOINTS, keep=workdir.KEEP) as checkpoints:
        now = progress.fresh(state)
        latest = checkpoints.latest()
        if latest is not None:
            now = progress.restore(checkpoints, latest, now)
            say(f"resuming from round {latest}")
        # Only now: settings that cannot go on from the checkpoint have left the run as it was.
        files.write_json(directory / workdir.CONFIG, to_dict(config))
        teacher_files.write_info(directory, run.teacher)
        with _recording(run, now.round) as record:
            if latest is None and not run.rounds_in_all:
                _conclude(run, now, record, epoch=0)
                progress.save(checkpoints, now)
            plan = [] if _stalled(run, now) else run.plan(now.round)
            programs = _compile(run, plan, now.state)
            announce_cost(run, plan, programs)
            _play(run, now, plan, programs, record, checkpoints)
    report_end(run, files.read_json(directory / workdir.SUMMARY))


@contextmanager
def _recording(run: Run, after: int) -> Iterator[Record]:
    """What takes rows from the round `after` on, and puts them wherever the config wants them."""
    path = run.directory / workdir.METRICS
    metrics.rewind(path, after)
    if not run.config.tensorboard:
        yield lambda rows: metrics.append(path, rows)
        return
    with Events(run.directory, after=after) as events:

        def record(rows):
            rows = list(rows)
            metrics.append(path, rows)
            events.append(rows)

        yield record


def _compile(run: Run, plan: Sequence[Dispatch], state: AKDState) -> Programs:
    turns = run.experiment.method.turns
    return {
        (turn, rounds): jax.jit(run_rounds(turns[turn].round, rounds), donate_argnums=0)
        .lower(state, run.teacher_variables, run.game_key)
        .compile()
        for turn, rounds in dict.fromkeys((dispatch.turn, dispatch.rounds) for dispatch in plan)
    }


def _play(
    run: Run,
    now: Progress,
    plan: Sequence[Dispatch],
    programs: Programs,
    record: Record,
    checkpoints: Checkpoints,
) -> None:
    with tqdm(total=run.rounds_in_all, initial=now.round, unit="round", disable=None) as bar:
        for dispatch in plan:
            _dispatch(run, now, dispatch, programs, record)
            bar.update(dispatch.rounds)
            epoch, rest = divmod(dispatch.stop, run.rounds_in_epoch)
            if dispatch.stop == run.rounds_in_all or (not rest and epoch % run.config.evaluation.every_epochs == 0):
                finished = _conclude(run, now, record, epoch=epoch)
                # Last of all: what a kill before this line leaves behind, the resumed run writes again.
                progress.save(checkpoints, now)
                if finished:
                    break


def _dispatch(run: Run, now: Progress, dispatch: Dispatch, programs: Programs, record: Record) -> None:
    """Plays the rounds of one compiled program and writes a row for each."""
    started = time.monotonic()
    program = programs[dispatch.turn, dispatch.rounds]
    now.state, played = program(now.state, run.teacher_variables, run.game_key)
    played = jax.device_get(played)
    seconds = time.monotonic() - started
    now.seconds += seconds
    students = run.experiment.method.turns[dispatch.turn].students
    series = {name: _of_student(played, name) for name in students}
    for name, values in series.items():
        for key, numbers in values.items():
            finite = np.isfinite(numbers)
            if not finite.all():
                bad = int(np.argmin(finite))
                _halt(run, f"{key} of {name} is {numbers[bad]} at round {dispatch.start + bad + 1}")
    shared = {"epoch": dispatch.epoch + 1, "seed": run.config.seed, "seconds": round(seconds / dispatch.rounds, 6)}
    record(
        {"kind": "train", "round": dispatch.start + i + 1, "student": name}
        | {key: float(numbers[i]) for key, numbers in values.items()}
        | shared
        for i in range(dispatch.rounds)
        for name, values in series.items()
    )


def _of_student(played: Metrics, name: str) -> dict[str, np.ndarray]:
    """The metrics [rounds] that are the student's own or everybody's."""
    return {key: values[name] if isinstance(values, Mapping) else values for key, values in played.items()}


def _conclude(run: Run, now: Progress, record: Record, *, epoch: int) -> bool:
    """What follows an epoch: measurements, reports, pictures. True if it was the run's last."""
    last = {name: _measure(run, now, name, epoch, run.judge, record) for name in run.config.students}
    if run.splits:
        for name, measured in last.items():
            now.keep_if_best(name, measured, run.splits)
    finished = now.round == run.rounds_in_all or _stalled(run, now)
    if finished:
        for name in run.config.students:
            last[name] |= _measure(run, now, name, epoch, run.final_judge, record)
            now.add_to_best(name, run.final_judge(name, now.best[name]))
    _write_reports(run, now, last, finished=finished)
    if finished or epoch % run.config.sample_every_epochs == 0:
        _draw(run, now)
    report_evaluation(run, now, epoch, last)
    return finished


def _stalled(run: Run, now: Progress) -> bool:
    """Whether the students' last `patience` evaluations have bettered none of their bests."""
    patience = run.config.schedule.patience * run.config.evaluation.every_epochs * run.rounds_in_epoch
    return bool(patience and now.measures) and now.round - now.best_round(run.splits) >= patience


def _measure(run: Run, now: Progress, name: str, epoch: int, judge: Judge, record: Record) -> dict[str, Measures]:
    """Measures a student and writes the rows."""
    started = time.monotonic()
    measured = judge(name, now.state.students[name].variables)
    if not measured:
        return {}
    seconds = round(time.monotonic() - started, 6)
    if not np.isfinite([[*values.values()] for values in measured.values()]).all():
        _halt(run, f"{name} gives values that are not finite after round {now.round}")
    shared = {"round": now.round, "epoch": epoch, "student": name}
    record(
        {"kind": "eval", **shared, "split": split, **values, "seconds": seconds, "seed": run.config.seed}
        for split, values in measured.items()
    )
    return measured


def _halt(run: Run, what: str) -> None:
    raise NonFiniteError(
        f"{what}: lower the learning rates and run again; {run.directory} keeps its checkpoints from before"
    )


def _write_reports(run: Run, now: Progress, last: Mapping[str, Any], *, finished: bool) -> None:
    metrics.write_history(run.directory / workdir.HISTORY, metrics.read(run.directory / workdir.METRICS))
    images, flops = run.spent(now.round)
    summary = summarise(
        run.config,
        run.teacher,
        teacher_top1=run.teacher_top1,
        parameters=run.parameters,
        last=last,
        best=now.measures,
        rounds=now.round,
        finished=finished,
        teacher_queries=images,
        flops=flops,
        wall_seconds=now.seconds,
    )
    files.write_json(run.directory / workdir.SUMMARY, summary)


def _draw(run: Run, now: Progress) -> None:
    report.save_curves(run.directory / workdir.CURVES, metrics.read(run.directory / workdir.METRICS))
    images = run.experiment.method.sample(now.state, run.sample_key, num=run.config.samples)
    pixels = report.to_pixels(np.asarray(images), run.teacher.mean, run.teacher.std)
    (run.directory / workdir.SAMPLES).mkdir(exist_ok=True)
    report.save_png(run.directory / workdir.SAMPLES / f"round_{now.round:06d}.png", report.tile(pixels), scale=2)
