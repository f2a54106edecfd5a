"""The one host loop: between compiled dispatches it measures, writes, saves and draws."""

import time
from collections.abc import Mapping, Sequence
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
from akd_jax.evaluate import Measures
from akd_jax.progress import Progress
from akd_jax.run import Run, prepare
from akd_jax.schedule import Dispatch
from akd_jax.steps import run_rounds
from akd_jax.summary import summarise
from akd_jax.types import AKDState

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
        metrics.rewind(directory / workdir.METRICS, now.round)
        if latest is None and not run.rounds_in_all:
            _conclude(run, now, epoch=0, finished=True)
            progress.save(checkpoints, now)
        plan = run.plan(now.round)
        programs = _compile(run, plan, now.state)
        announce_cost(run, plan, programs)
        _play(run, now, plan, programs, checkpoints)
    report_end(run, files.read_json(directory / workdir.SUMMARY))


def _compile(run: Run, plan: Sequence[Dispatch], state: AKDState) -> Programs:
    turns = run.experiment.method.turns
    return {
        (turn, rounds): jax.jit(run_rounds(turns[turn].round, rounds), donate_argnums=0)
        .lower(state, run.teacher_variables, run.game_key)
        .compile()
        for turn, rounds in dict.fromkeys((dispatch.turn, dispatch.rounds) for dispatch in plan)
    }


def _play(run: Run, now: Progress, plan: Sequence[Dispatch], programs: Programs, checkpoints: Checkpoints) -> None:
    with tqdm(total=run.rounds_in_all, initial=now.round, unit="round", disable=None) as bar:
        for dispatch in plan:
            _dispatch(run, now, dispatch, programs)
            bar.update(dispatch.rounds)
            epoch, rest = divmod(dispatch.stop, run.rounds_in_epoch)
            finished = dispatch.stop == run.rounds_in_all
            if finished or (not rest and epoch % run.config.evaluation.every_epochs == 0):
                _conclude(run, now, epoch=epoch, finished=finished)
                # Last of all: what a kill before this line leaves behind, the resumed run writes again.
                progress.save(checkpoints, now)


def _dispatch(run: Run, now: Progress, dispatch: Dispatch, programs: Programs) -> None:
    """Plays the rounds of one compiled program and writes a row for each."""
    started = time.monotonic()
    program = programs[dispatch.turn, dispatch.rounds]
    now.state, played = program(now.state, run.teacher_variables, run.game_key)
    played = jax.device_get(played)
    seconds = time.monotonic() - started
    now.seconds += seconds
    for name, values in played.items():
        finite = np.isfinite(values)
        if not finite.all():
            bad = int(np.argmin(finite))
            _halt(run, f"{name} of {dispatch.turn} is {values[bad]} at round {dispatch.start + bad + 1}")
    students = ",".join(run.experiment.method.turns[dispatch.turn].students)
    shared = {"epoch": dispatch.epoch + 1, "student": students, "seed": run.config.seed}
    metrics.append(
        run.directory / workdir.METRICS,
        (
            {"kind": "train", "round": dispatch.start + i + 1, **shared}
            | {name: float(values[i]) for name, values in played.items()}
            | {"seconds": round(seconds / dispatch.rounds, 6)}
            for i in range(dispatch.rounds)
        ),
    )


def _conclude(run: Run, now: Progress, *, epoch: int, finished: bool) -> None:
    """What follows an epoch: measurements, reports, pictures."""
    last = {}
    for name in run.config.students:
        last[name] = _evaluate(run, now, name, epoch, run.final_splits if finished else ())
    _write_reports(run, now, last, finished=finished)
    if finished or epoch % run.config.sample_every_epochs == 0:
        _draw(run, now)
    report_evaluation(run, now, epoch, last)


def _evaluate(run: Run, now: Progress, name: str, epoch: int, final_splits: Sequence[str]) -> dict[str, Measures]:
    """Measures a student, writes the rows and keeps the best; final splits measure the best as well."""
    started = time.monotonic()
    variables = now.state.students[name].variables
    measured = {split: run.judge(name, variables, split) for split in (*run.splits, *final_splits)}
    seconds = round(time.monotonic() - started, 6)
    if not np.isfinite([[*values.values()] for values in measured.values()]).all():
        _halt(run, f"{name} gives values that are not finite after round {now.round}")
    shared = {"round": now.round, "epoch": epoch, "student": name}
    metrics.append(
        run.directory / workdir.METRICS,
        (
            {"kind": "eval", **shared, "split": split, **values, "seconds": seconds, "seed": run.config.seed}
            for split, values in measured.items()
        ),
    )
    if run.splits:
        now.keep_if_best(name, measured, run.splits)
        best = now.measures[name]
        for split in final_splits:
            best[split] = run.judge(name, now.best[name], split) | {"round": best[run.splits[0]]["round"]}
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
