"""The one host loop: between compiled dispatches it measures, writes, saves and draws."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax
from tqdm import tqdm

from akd_jax import dispatch, files, progress, signals, teacher_files, workdir
from akd_jax.briefing import announce, announce_cost, introduce, report_end, report_teacher, say
from akd_jax.checkpoint import Checkpoints
from akd_jax.compilation import check_platform
from akd_jax.conclusion import conclude, ending, evaluation_due
from akd_jax.config import Config
from akd_jax.config_dict import to_dict
from akd_jax.errors import OutOfMemoryError, StoppedError
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
    check_platform()
    announce(config)
    run, state = prepare(config, directory, force=force or dry_run, fetch=not dry_run)
    introduce(run)
    if dry_run:
        announce_cost(run, dispatch.compile_turns(run, state), after=0)
        return
    directory.mkdir(parents=True, exist_ok=True)
    with (
        signals.awaited() as request,
        _memory(run),
        Checkpoints(directory / workdir.CHECKPOINTS, keep=workdir.KEEP) as checkpoints,
    ):
        now = progress.fresh(state)
        saved = progress.newest(checkpoints, now)
        if saved is not None:
            now = saved
            say(f"resuming from round {now.round}")
        # Only now: settings that cannot go on from the checkpoint have left the run as it was.
        files.write_json(directory / workdir.CONFIG, to_dict(config))
        teacher_files.write_info(directory, run.teacher_info)
        if saved is None or ending(run, now) is None:
            _play(run, now, checkpoints, request)
    report_end(run, files.read_json(directory / workdir.SUMMARY))


@contextmanager
def _memory(run: Run) -> Iterator[None]:
    """Says what to do where the device has too little of it."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise OutOfMemoryError(
            f"out of memory ({str(error).splitlines()[0]:.200}): give a smaller --config.batch_size than "
            f"{run.config.batch_size} (with --force in the same --workdir), or --config.evaluation.batch_size than "
            f"{run.config.evaluation.batch_size} if it happened while measuring; what was saved is intact"
        ) from error


def _play(run: Run, now: Progress, checkpoints: Checkpoints, request: signals.Request) -> None:
    """From here to the end of the run, with at least one evaluation, or until it is requested to stop."""
    judges = evaluation(run)
    report_teacher(judges)
    programs = dispatch.compile_turns(run, now.state) if now.round < run.schedule.rounds else {}
    announce_cost(run, programs, after=now.round)
    paces: dict[str, float] = {}
    saved = time.monotonic()
    with (
        Recorder(run, after=now.round) as recorder,
        tqdm(total=run.schedule.rounds, initial=now.round, unit="round", disable=None) as bar,
    ):
        stopping, ended = request.by, not programs
        if ended:
            progress.save(checkpoints, conclude(run, now, judges, recorder))
        while not (ended or stopping):
            planned = next_dispatch(run.schedule, now.round, paces)
            before = now.seconds
            now = dispatch.play(run, now, planned, programs[planned.turn], recorder)
            # The first call of any program is slow and tells nothing.
            known = planned.turn in paces
            paces[planned.turn] = (now.seconds - before) / planned.rounds if known else math.inf
            bar.update(planned.rounds)
            if due := evaluation_due(run, now):
                now = conclude(run, now, judges, recorder)
            stopping, ended = request.by, due and ending(run, now) is not None
            if due or stopping or time.monotonic() - saved > 60 * run.config.schedule.save_minutes:
                # Last of all: what a kill before this line leaves behind, the resumed run writes again.
                progress.save(checkpoints, now)
                saved = time.monotonic()
    if not ended:
        raise StoppedError(
            f"stopped by {stopping.name} after round {now.round}: the same command with --workdir {run.directory} goes "
            "on from there",
            stopping,
        )
