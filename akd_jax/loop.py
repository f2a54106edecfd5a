"""The one host loop: between compiled dispatches it measures, writes, saves and draws."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from akd_jax import metrics, report, teacher, workdir
from akd_jax.briefing import announce_cost, introduce, report_end, report_evaluation, say
from akd_jax.checkpoint import Checkpoints
from akd_jax.config import Config, to_dict
from akd_jax.errors import NonFiniteError
from akd_jax.evaluate import Measures
from akd_jax.run import Run, prepare
from akd_jax.schedule import Dispatch, run_rounds
from akd_jax.summary import summarise
from akd_jax.types import AKDState, Variables

Programs = dict[tuple[str, int], Any]
"""(turn, rounds) -> the compiled dispatch."""


@dataclass
class Progress:
    """What changes while a run goes on; all of it is in every checkpoint.

    best: each student's variables when the first split's top-1 was highest. record: {"best": {student:
    {split: measures, "round"}}, "seconds": training time so far}.
    """

    state: AKDState
    best: dict[str, Variables]
    record: dict[str, Any]


def train(config: Config, directory: Path, *, force: bool = False, dry_run: bool = False) -> None:
    """Plays the game of `config` in `directory`, on from its newest checkpoint if it has one.

    dry_run: stops before the first round, with nothing written.
    Raises InputError, before anything is written, for settings, a teacher or data that cannot be used, and
    NonFiniteError if a loss is not finite.
    """
    run, state = prepare(config, directory, force=force)
    introduce(run)
    best = {name: _copy(player.variables) for name, player in state.students.items()}
    progress = Progress(state, best, {"best": {}, "seconds": 0.0})
    if dry_run:
        plan = run.plan(0)
        announce_cost(run, plan, _compile(run, plan, state))
        return
    directory.mkdir(parents=True, exist_ok=True)
    with Checkpoints(directory / workdir.CHECKPOINTS, keep=workdir.KEEP) as checkpoints:
        _resume(run, progress, checkpoints)
        # Only now: settings that cannot go on from the checkpoint leave the run as it was.
        workdir.write_json(directory / workdir.CONFIG, to_dict(config))
        teacher.write_info(directory, run.teacher)
        plan = run.plan(int(progress.state.step))
        programs = _compile(run, plan, progress.state)
        announce_cost(run, plan, programs)
        _play(run, progress, plan, programs, checkpoints)
    report_end(run, workdir.read_json(directory / workdir.SUMMARY))


def _resume(run: Run, progress: Progress, checkpoints: Checkpoints) -> None:
    latest = checkpoints.latest()
    metrics.rewind(run.directory / workdir.METRICS, latest or 0)
    if latest is None:
        return
    saved, progress.record = checkpoints.restore(latest, {"state": progress.state, "best": progress.best})
    progress.state, progress.best = saved["state"], saved["best"]
    say(f"resuming from round {latest}")


def _compile(run: Run, plan: Sequence[Dispatch], state: AKDState) -> Programs:
    turns = run.experiment.method.turns
    return {
        (turn, rounds): jax.jit(run_rounds(turns[turn], rounds), donate_argnums=0)
        .lower(state, run.teacher_variables, run.game_key)
        .compile()
        for turn, rounds in dict.fromkeys((dispatch.turn, dispatch.rounds) for dispatch in plan)
    }


def _play(run: Run, progress: Progress, plan: Sequence[Dispatch], programs: Programs, checkpoints: Checkpoints) -> None:
    total = run.rounds_per_epoch * run.config.schedule.epochs
    if not plan and checkpoints.latest() is None:  # a game of no rounds
        _conclude(run, progress, epoch=0, finished=True)
        checkpoints.save(0, {"state": progress.state, "best": progress.best}, progress.record)
    with tqdm(total=total, initial=int(progress.state.step), unit="round", disable=None) as bar:
        for dispatch in plan:
            _dispatch(run, progress, dispatch, programs)
            bar.update(dispatch.rounds)
            epoch, rest = divmod(dispatch.stop, run.rounds_per_epoch)
            finished = dispatch.stop == total
            if finished or (not rest and epoch % run.config.evaluation.every_epochs == 0):
                _conclude(run, progress, epoch=epoch, finished=finished)
                # Last of all: what a kill before this line leaves behind, the resumed run writes again.
                checkpoints.save(dispatch.stop, {"state": progress.state, "best": progress.best}, progress.record)


def _conclude(run: Run, progress: Progress, *, epoch: int, finished: bool) -> None:
    """What follows an epoch: measurements, reports, pictures."""
    last = _evaluate(run, progress, epoch, run.final_splits if finished else ())
    _write_reports(run, progress, last, finished=finished)
    if finished or epoch % run.config.sample_every_epochs == 0:
        _draw(run, progress)
    report_evaluation(run, progress.record, epoch, int(progress.state.step), last)


def _dispatch(run: Run, progress: Progress, dispatch: Dispatch, programs: Programs) -> None:
    """Plays the rounds of one compiled program and writes a row for each."""
    started = time.monotonic()
    program = programs[dispatch.turn, dispatch.rounds]
    progress.state, played = program(progress.state, run.teacher_variables, run.game_key)
    played = jax.device_get(played)
    seconds = time.monotonic() - started
    progress.record["seconds"] += seconds
    for name, values in played.items():
        if not np.isfinite(values).all():
            bad = dispatch.start + int(np.argmin(np.isfinite(values))) + 1
            raise NonFiniteError(
                f"{name} of {dispatch.turn} is {values[bad - dispatch.start - 1]} at round {bad}: lower the "
                f"learning rates and run again; {run.directory} keeps its checkpoints from before"
            )
    shared = {"epoch": dispatch.epoch + 1, "student": dispatch.turn, "seed": run.config.seed}
    metrics.append(
        run.directory / workdir.METRICS,
        (
            {"kind": "train", "round": dispatch.start + i + 1, **shared}
            | {name: float(values[i]) for name, values in played.items()}
            | {"seconds": round(seconds / dispatch.rounds, 6)}
            for i in range(dispatch.rounds)
        ),
    )


def _evaluate(run: Run, progress: Progress, epoch: int, final_splits: Sequence[str]) -> dict[str, dict[str, Measures]]:
    """Measures every student, writes the rows and keeps the best; final splits measure the best as well."""
    measured, rows, step = {}, [], int(progress.state.step)
    for name in run.config.students:
        player = progress.state.students[name]
        started = time.monotonic()
        measured[name] = {s: run.judge(name, player.variables, s) for s in (*run.splits, *final_splits)}
        seconds = round(time.monotonic() - started, 6)
        shared = {"round": step, "epoch": epoch, "student": name}
        rows += [
            {"kind": "eval", **shared, "split": split, **values, "seconds": seconds, "seed": run.config.seed}
            for split, values in measured[name].items()
        ]
        if not np.isfinite([list(values.values()) for values in measured[name].values()]).all():
            raise NonFiniteError(
                f"{name} gives values that are not finite after round {step}: lower the learning rates and run again; "
                f"{run.directory} keeps its checkpoints from before"
            )
        # Evaluation may change between runs of one directory: a best by another split counts no more.
        best = progress.record["best"].get(name, {}).get(run.splits[0]) if run.splits else None
        if run.splits and (best is None or measured[name][run.splits[0]]["top1"] > best["top1"]):
            kept = {split: measured[name][split] for split in run.splits}
            progress.record["best"][name] = {s: v | {"round": step} for s, v in kept.items()}
            # A copy: the next dispatch is given the state's own buffers to overwrite.
            progress.best[name] = _copy(player.variables)
        for split in final_splits:
            kept = progress.record["best"][name]
            kept[split] = run.judge(name, progress.best[name], split) | {"round": kept[run.splits[0]]["round"]}
    metrics.append(run.directory / workdir.METRICS, rows)
    return measured


def _write_reports(run: Run, progress: Progress, last: Mapping[str, Any], *, finished: bool) -> None:
    rounds = int(progress.state.step)
    metrics.write_history(run.directory / workdir.HISTORY, metrics.read(run.directory / workdir.METRICS))
    summary = summarise(
        run.config,
        run.teacher,
        teacher_top1=run.teacher_top1,
        parameters=run.parameters,
        last=last,
        best=progress.record["best"],
        rounds=rounds,
        finished=finished,
        flops=rounds * sum(run.flops.values()) // len(run.flops),
        wall_seconds=progress.record["seconds"],
    )
    workdir.write_json(run.directory / workdir.SUMMARY, summary)


def _draw(run: Run, progress: Progress) -> None:
    report.save_curves(run.directory / workdir.CURVES, metrics.read(run.directory / workdir.METRICS))
    images = run.experiment.sample(progress.state.generator.variables, run.sample_key, num=run.config.samples)
    pixels = report.to_pixels(np.asarray(images), run.teacher.mean, run.teacher.std)
    name = f"round_{int(progress.state.step):06d}.png"
    (run.directory / workdir.SAMPLES).mkdir(exist_ok=True)
    report.save_png(run.directory / workdir.SAMPLES / name, report.tile(pixels), scale=2)


def _copy(variables: Variables) -> Variables:
    return jax.tree.map(lambda leaf: leaf.copy(), variables)
