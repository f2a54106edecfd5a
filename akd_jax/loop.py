"""The one host loop: between compiled dispatches it measures, writes, saves and draws."""

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from akd_jax import files, metrics, progress, teacher_files, workdir
from akd_jax.briefing import announce, announce_cost, introduce, report_end, report_evaluation, report_teacher, say
from akd_jax.checkpoint import Checkpoints
from akd_jax.compilation import compiled
from akd_jax.config import Config
from akd_jax.config_dict import to_dict
from akd_jax.errors import InputError, NonFiniteError
from akd_jax.evaluate import Measures
from akd_jax.judge import Evaluation, Judge, evaluation
from akd_jax.progress import Progress
from akd_jax.recorder import Recorder
from akd_jax.run import Run, prepare
from akd_jax.schedule import Dispatch, next_dispatch
from akd_jax.steps import run_rounds_up_to
from akd_jax.types import AKDState, Metrics

Programs = dict[str, Any]
"""Turn -> its compiled dispatch, of any number of rounds up to an epoch's."""


def train(config: Config, directory: Path, *, force: bool = False, dry_run: bool = False) -> None:
    """Plays the game of `config` in `directory`, on from its newest checkpoint if it has one.

    dry_run: stops before the first round, with nothing written or downloaded.
    Raises InputError, before anything is written, for settings, a teacher or data that cannot be used, and
    NonFiniteError if a loss is not finite.
    """
    announce(config)
    run, state = prepare(config, directory, force=force or dry_run, fetch=not dry_run)
    introduce(run)
    if dry_run:
        announce_cost(run, _compile(run, state), after=0)
        return
    directory.mkdir(parents=True, exist_ok=True)
    with workdir.locked(directory):
        now, damaged = _where_it_stopped(run, progress.fresh(state))
        # Only now: settings that cannot go on from the checkpoint have left the run as it was.
        for round in damaged:  # or they would be in the way of those to come
            files.set_aside(directory / workdir.CHECKPOINTS / f"{round}", directory / workdir.DAMAGED)
        files.write_json(directory / workdir.CONFIG, to_dict(config))
        teacher_files.write_info(directory, run.teacher_info)
        if not _reported(run, now):
            with Checkpoints(directory / workdir.CHECKPOINTS, keep=workdir.KEEP) as checkpoints:
                _play(run, now, checkpoints)
    report_end(run, files.read_json(directory / workdir.SUMMARY))


def _where_it_stopped(run: Run, start: Progress) -> tuple[Progress, list[int]]:
    """(the progress to go on from, the rounds of damaged checkpoints after it). Raises as `progress.newest`."""
    saved, damaged = progress.newest(run.directory / workdir.CHECKPOINTS, start)
    if saved is None:
        return start, damaged
    if saved.round > run.schedule.rounds:
        raise InputError(
            f"{run.directory} has played {saved.round} rounds, and these settings are for {run.schedule.rounds}: raise "
            "schedule.epochs, or take another --workdir"
        )
    say(f"resuming from round {saved.round}")
    return saved, damaged


def _reported(run: Run, now: Progress) -> bool:
    """Whether the run is at its end, and summary.json tells of it: a kill may have come between the two."""
    summary = run.directory / workdir.SUMMARY
    if not _finished(run, now) or not summary.exists():
        return False
    told = files.read_json(summary)
    return told["finished"] and told["rounds"] == now.round


def _play(run: Run, now: Progress, checkpoints: Checkpoints) -> None:
    """From here to the end of the run, with at least one evaluation."""
    judges = evaluation(run)
    report_teacher(judges)
    finished = _finished(run, now)
    programs = {} if finished else _compile(run, now.state)
    announce_cost(run, programs, after=now.round)
    paces: dict[str, float] = {}
    with (
        Recorder(run, after=now.round) as recorder,
        tqdm(total=run.schedule.rounds, initial=now.round, unit="round", disable=None) as bar,
    ):
        if now.last:  # as of this checkpoint, whatever a kill left undone
            recorder.report(now, teacher_top1=judges.teacher_top1, finished=finished)
            if finished:
                recorder.draw(now)
        elif finished:
            now = _conclude(run, now, judges, recorder, checkpoints)
        while not _finished(run, now):
            dispatch = next_dispatch(run.schedule, now.round, paces)
            before = now.seconds
            now = _dispatch(run, now, dispatch, programs[dispatch.turn], recorder)
            # The first call of any program is slow and tells nothing.
            known = dispatch.turn in paces
            paces[dispatch.turn] = (now.seconds - before) / dispatch.rounds if known else math.inf
            bar.update(dispatch.rounds)
            epoch, rest = divmod(now.round, run.schedule.rounds_in_epoch)
            if now.round == run.schedule.rounds or (not rest and epoch % run.config.evaluation.every_epochs == 0):
                now = _conclude(run, now, judges, recorder, checkpoints)


def _compile(run: Run, state: AKDState) -> Programs:
    return {
        name: compiled(
            run_rounds_up_to(turn.round, run.schedule.rounds_per_epoch),
            state,
            run.teacher_variables,
            run.game_key,
            jnp.int32(0),
            options=run.options,
            donate=0,
        )
        for name, turn in run.experiment.method.turns.items()
    }


def _dispatch(run: Run, now: Progress, dispatch: Dispatch, program: Any, recorder: Recorder) -> Progress:
    """Plays the rounds of one call of a compiled program and records them."""
    started = time.monotonic()
    state, played = program(now.state, run.teacher_variables, run.game_key, jnp.int32(dispatch.rounds))
    played = jax.tree.map(lambda values: values[: dispatch.rounds], jax.device_get(played))
    seconds = time.monotonic() - started
    turn = run.experiment.method.turns[dispatch.turn]
    series = {name: _of_student(played, name) for name in turn.students}
    for name, values in series.items():
        for key, numbers in values.items():
            finite = np.isfinite(numbers)
            if not finite.all():
                bad = int(np.argmin(finite))
                _halt(run, f"{key} of {name} is {numbers[bad]} at round {dispatch.start + bad + 1}")
    recorder.add(
        metrics.train_rows(
            series,
            after=dispatch.start,
            rounds=dispatch.rounds,
            epoch=dispatch.epoch + 1,
            seed=run.config.seed,
            seconds=seconds / dispatch.rounds,
        )
    )
    return now._replace(
        state=state,
        seconds=now.seconds + seconds,
        teacher_queries=now.teacher_queries + dispatch.rounds * turn.teacher_queries,
        flops=now.flops + dispatch.rounds * run.flops[dispatch.turn],
    )


def _of_student(played: Metrics, name: str) -> dict[str, np.ndarray]:
    """The metrics [rounds] that are the student's own or everybody's."""
    return {key: values[name] if isinstance(values, Mapping) else values for key, values in played.items()}


def _conclude(run: Run, now: Progress, judges: Evaluation, recorder: Recorder, checkpoints: Checkpoints) -> Progress:
    """What follows an epoch: measurements, a checkpoint, reports, pictures."""
    last = {name: _measure(run, now, name, judges.during, recorder) for name in run.config.students}
    now = progress.keep_best(now, last)
    finished = _finished(run, now)
    if finished:
        for name in run.config.students:
            last[name] |= _measure(run, now, name, judges.at_end, recorder)
        now = progress.add_to_best(now, {name: judges.at_end(name, best.variables) for name, best in now.best.items()})
    now = now._replace(last=last)
    progress.save(checkpoints, now)
    if finished or _epoch(run, now) % run.config.sample_every_epochs == 0:
        recorder.draw(now)  # while the checkpoint is written
    checkpoints.wait()  # nothing is reported that a kill could undo
    recorder.report(now, teacher_top1=judges.teacher_top1, finished=finished)
    report_evaluation(run, now, _epoch(run, now), last)
    return now


def _epoch(run: Run, now: Progress) -> int:
    """How many epochs have been played."""
    return now.round // run.schedule.rounds_in_epoch


def _finished(run: Run, now: Progress) -> bool:
    """Whether all rounds are played, or the last `patience` evaluations have bettered no student's best."""
    if now.round == run.schedule.rounds:
        return True
    patience = run.config.schedule.patience * run.config.evaluation.every_epochs * run.schedule.rounds_in_epoch
    best = progress.best_round(now)
    return bool(patience) and best is not None and now.round - best >= patience


def _measure(run: Run, now: Progress, name: str, judge: Judge, recorder: Recorder) -> dict[str, Measures]:
    """Measures a student as it is and records what comes out."""
    started = time.monotonic()
    measured = judge(name, now.state.students[name].variables)
    seconds = time.monotonic() - started
    if not all(np.isfinite([*values.values()]).all() for values in measured.values()):
        _halt(run, f"{name} gives values that are not finite after round {now.round}")
    recorder.add(
        metrics.eval_rows(
            measured, student=name, after=now.round, epoch=_epoch(run, now), seed=run.config.seed, seconds=seconds
        )
    )
    return measured


def _halt(run: Run, what: str) -> None:
    raise NonFiniteError(
        f"{what}: lower the learning rates and run again, in another --workdir or with --force; {run.directory} keeps "
        "its checkpoints from before"
    )
