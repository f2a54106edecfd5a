"""The one host loop: between compiled dispatches it measures, writes, saves and draws."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax
from tqdm import tqdm

from akd_jax import compilation, dispatch, files, lessons, metrics, progress, signals, teacher_files, workdir
from akd_jax.briefing import announce, announce_cost, introduce, report_end, report_teacher, say
from akd_jax.checkpoint import Checkpoints
from akd_jax.conclusion import conclude, draw, evaluation_due, is_over
from akd_jax.config import Config
from akd_jax.config_dict import to_dict
from akd_jax.errors import InputError, OutOfMemoryError, SavedStateError, StoppedError
from akd_jax.judge import evaluation
from akd_jax.progress import Progress
from akd_jax.recorder import Recorder
from akd_jax.run import Run, prepare
from akd_jax.schedule import next_dispatch
from akd_jax.trace import Trace


def train(config: Config, directory: Path, *, force: bool = False, dry_run: bool = False) -> None:
    """Plays the game of `config` in `directory`, on from its newest checkpoint if it has one.

    dry_run: stops before the first round, with nothing written or downloaded.
    Raises InputError, before anything is written, for settings, a teacher, data or a platform that cannot be used;
    NonFiniteError where too many steps in a row are not finite; OutOfMemoryError; and, in the main thread, StoppedError
    after SIGTERM or SIGINT, once the run is saved.
    """
    compilation.wake(config.compilation.cache)
    announce(config)
    with _memory(config):
        run, state = prepare(config, directory, force=force or dry_run, fetch=not dry_run)
        introduce(run)
        if dry_run:
            announce_cost(run, dispatch.compile_turns(run, state), after=0)
            return
        directory.mkdir(parents=True, exist_ok=True)
        with signals.awaited() as request, workdir.locked(directory):
            workdir.check(directory, config, run.digests, force=force)  # another may have begun meanwhile
            now, damaged = _where_it_stopped(run, progress.fresh(state))
            del state  # or the first players would lie beside those of a resumed run
            # Only now: settings that cannot go on from the checkpoint have left the run as it was.
            for round in damaged:  # or they would be in the way of those to come
                files.set_aside(directory / workdir.CHECKPOINTS / f"{round}", directory / workdir.DAMAGED)
            if _reported(run, now):
                say("all of it was done before: nothing is played, measured or changed")
            else:
                files.write_json(directory / workdir.CONFIG, to_dict(config))
                if run.teacher_info:
                    teacher_files.write_info(directory, run.teacher_info)
                if run.lessons_info:
                    lessons.write_info(directory, run.lessons_info)
                with Checkpoints(directory / workdir.CHECKPOINTS, keep=workdir.KEEP) as checkpoints:
                    _play(run, now, checkpoints, request)
    report_end(run, files.read_json(directory / workdir.SUMMARY))


def _where_it_stopped(run: Run, start: Progress) -> tuple[Progress, list[int]]:
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
    say(f"resuming from round {saved.round}")
    return saved, damaged


def _reported(run: Run, now: Progress) -> bool:
    """Whether the run is at its end, and summary.json tells of it: a kill may have come between the two."""
    summary = run.directory / workdir.SUMMARY
    if not is_over(run, now) or not summary.exists():
        return False
    told = files.read_json(summary)
    return told["finished"] and told["rounds"] == now.round


@contextmanager
def _memory(config: Config) -> Iterator[None]:
    """Says what to do where the device has too little of it."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise OutOfMemoryError(
            f"out of memory ({str(error).splitlines()[0]:.200}): give a smaller --config.batch_size than "
            f"{config.batch_size} (with --force in the same --workdir), or --config.evaluation.batch_size than "
            f"{config.evaluation.batch_size} if it happened while measuring; what was saved is intact"
        ) from error


def _play(run: Run, now: Progress, checkpoints: Checkpoints, request: signals.Request) -> None:
    """From here to the end of the run, with at least one evaluation. Raises StoppedError where that is requested."""
    kept = now.round  # on disk, or nothing to lose

    def give_way() -> None:
        if not request.by:
            return
        if now.round > kept:
            progress.save(checkpoints, now)
        checkpoints.wait()  # what is said to be saved is
        raise StoppedError(
            f"stopped by {request.by.name} after round {now.round}: the same command with --workdir {run.directory} "
            "goes on from there",
            request.by,
        )

    judges = evaluation(run)
    report_teacher(run, judges)
    programs = {}
    over, due = is_over(run, now), evaluation_due(run, now)
    evaluated = now.evaluated == now.round and not due
    for turn in run.experiment.method.turns if not over and now.round < run.schedule.rounds else ():
        give_way()
        programs[turn] = dispatch.compile_turn(run, turn, now.state)
    give_way()
    announce_cost(run, programs, after=now.round)
    with (
        Recorder(run, after=now.round, evaluated=evaluated) as recorder,
        Trace(run.directory / workdir.PROFILE, run.config.profile_dispatches) as trace,
        tqdm(total=run.schedule.rounds, initial=now.round, unit="round", disable=None) as bar,
    ):
        if evaluated:  # what a kill may have left undone after it was saved
            now = now._replace(ending=now.ending if over else None)
            recorder.report(now, teacher_top1=judges.teacher_top1)
            draw(run, now, recorder)
        elif due:
            now = conclude(run, now, judges, recorder, checkpoints)
        saved, paces = time.monotonic(), {}
        while not now.ending:
            give_way()
            planned = next_dispatch(run.schedule, now.round, paces)
            before = now.seconds
            with trace.around(planned):
                now = dispatch.play(run, now, planned, programs[planned.turn], recorder)
            # The first call of any program is slow and tells nothing.
            known = planned.turn in paces
            paces[planned.turn] = (now.seconds - before) / planned.rounds if known else math.inf
            bar.update(planned.rounds)
            give_way()  # before an evaluation, which may take long
            if evaluation_due(run, now):
                now = conclude(run, now, judges, recorder, checkpoints)
            elif time.monotonic() - saved > 60 * run.config.schedule.save_minutes:
                progress.save(checkpoints, now)
            else:
                continue
            kept, saved = now.round, time.monotonic()
