"""The one host loop: between compiled dispatches it measures, writes, saves and draws."""

import math
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import jax
from tqdm import tqdm

from akd_jax import compilation, dispatch, files, hosts, metrics, progress, signals, teacher_files, workdir
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


def train(config: Config, directory: Path, *, force: bool = False, dry_run: bool = False) -> None:
    """Plays the game of `config` in `directory`, on from its newest checkpoint if it has one.

    dry_run: stops before the first round, with nothing written or downloaded.
    Raises InputError, before anything is written, for settings, a teacher, data or a platform that cannot be used;
    NonFiniteError where too many steps in a row are not finite; OutOfMemoryError; and, in the main thread, StoppedError
    after SIGTERM or SIGINT, once the run is saved.
    """
    hosts.join(config.mesh)
    compilation.wake(config.compilation.cache)
    hosts.check_same(to_dict(config) | {"mesh": to_dict(config)["mesh"] | {"process": 0}})
    directory = hosts.agree(directory)
    if hosts.several() and not dry_run:
        hosts.by_first(lambda: workdir.check_unused(directory))
    announce(config)
    with _memory(config):
        run, state = prepare(config, directory, force=force or dry_run, fetch=not dry_run)
        hosts.by_first(lambda: introduce(run))
        if dry_run:
            announce_cost(run, dispatch.compile_turns(run, run.placement.state(state)), after=0)
            return
        with signals.awaited() as request, ExitStack() as stack:
            hosts.by_first(lambda: stack.enter_context(_taken(run, force=force)))
            now, reported = hosts.of_first(partial(_begin, run, progress.fresh(state)))
            del state  # or the first players would lie beside those of a resumed run
            if reported:
                say("all of it was done before: nothing is played, measured or changed")
            else:
                checkpoints = hosts.by_first(lambda: stack.enter_context(_opened(run)))
                now = progress.placed(now, run.placement)
                _play(run, now, checkpoints, request)
    hosts.by_first(lambda: report_end(run, files.read_json(directory / workdir.SUMMARY)))


@contextmanager
def _taken(run: Run, *, force: bool) -> Iterator[None]:
    """The run's directory, alone. Raises InputError where another process is there, or another run."""
    run.directory.mkdir(parents=True, exist_ok=True)
    with workdir.locked(run.directory):
        # Another may have begun meanwhile.
        workdir.check(run.directory, run.config, run.teacher_info.digest, force=force)
        yield


def _begin(run: Run, start: Progress) -> tuple[Progress, bool]:
    """(where the run goes on, whether all of it was done before); damaged checkpoints are out of its way."""
    now, damaged = _where_it_stopped(run, start)
    # Only now: settings that cannot go on from the checkpoint have left the run as it was.
    for round in damaged:  # or they would be in the way of those to come
        files.set_aside(run.directory / workdir.CHECKPOINTS / f"{round}", run.directory / workdir.DAMAGED)
    return now, _reported(run, now)


def _opened(run: Run) -> Checkpoints:
    """The run's checkpoints, once its settings and its teacher's record are written."""
    files.write_json(run.directory / workdir.CONFIG, to_dict(run.config))
    teacher_files.write_info(run.directory, run.teacher_info)
    return Checkpoints(run.directory / workdir.CHECKPOINTS, keep=workdir.KEEP)


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


def _barless() -> bool | None:
    """tqdm's `disable`: a bar where there is a terminal, in the first process."""
    return None if hosts.is_first() else True


def _play(run: Run, now: Progress, checkpoints: Checkpoints | None, request: signals.Request) -> None:
    """From here to the end of the run, with at least one evaluation. Raises StoppedError where that is requested."""
    kept = now.round  # on disk, or nothing to lose

    def give_way() -> None:
        """To a signal that any process got."""
        if not (number := hosts.any_of(request.by or 0)):
            return
        if now.round > kept:
            progress.save(checkpoints, now)
        hosts.by_first(lambda: checkpoints.wait())  # what is said to be saved is
        by = signal.Signals(number)
        raise StoppedError(
            f"stopped by {by.name} after round {now.round}: the same command with --workdir {run.directory} goes on "
            "from there",
            by,
        )

    judges = hosts.by_first(lambda: evaluation(run))
    hosts.by_first(lambda: report_teacher(judges))
    programs = {}
    over, due = is_over(run, now), evaluation_due(run, now)
    evaluated = now.evaluated == now.round and not due
    for turn in run.experiment.method.turns if not over and now.round < run.schedule.rounds else ():
        give_way()
        programs[turn] = dispatch.compile_turn(run, turn, now.state)
    give_way()
    hosts.by_first(lambda: announce_cost(run, programs, after=now.round))
    with (
        ExitStack() as stack,
        tqdm(total=run.schedule.rounds, initial=now.round, unit="round", disable=_barless()) as bar,
    ):
        after = now.round
        recorder = hosts.by_first(lambda: stack.enter_context(Recorder(run, after=after, evaluated=evaluated)))
        if evaluated:  # what a kill may have left undone after it was saved
            now = now._replace(ending=now.ending if over else None)
            hosts.by_first(lambda: recorder.report(now, teacher_top1=judges.teacher_top1))
            hosts.by_first(lambda: draw(run, now, recorder))
        elif due:
            now = conclude(run, now, judges, recorder, checkpoints)
        saved, paces = time.monotonic(), {}
        while not now.ending:
            give_way()
            planned = next_dispatch(run.schedule, now.round, paces)
            before = now.seconds
            now = dispatch.play(run, now, planned, programs[planned.turn], recorder)
            # The first call of any program is slow and tells nothing.
            known = planned.turn in paces
            paces[planned.turn] = (now.seconds - before) / planned.rounds if known else math.inf
            bar.update(planned.rounds)
            give_way()  # before an evaluation, which may take long
            if evaluation_due(run, now):
                now = conclude(run, now, judges, recorder, checkpoints)
            elif hosts.agree(time.monotonic() - saved) > 60 * run.config.schedule.save_minutes:
                progress.save(checkpoints, now)
            else:
                continue
            kept, saved = now.round, time.monotonic()
