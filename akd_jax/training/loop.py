"""The one host loop: between compiled dispatches it measures, writes, saves and draws."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tqdm import tqdm

from akd_jax import compilation, files, signals, teacher_files, workdir
from akd_jax.config import Config
from akd_jax.config_dict import to_dict
from akd_jax.errors import StoppedError
from akd_jax.schedule import next_dispatch
from akd_jax.training import dispatch, embeddings_file, hosts, lessons, memory, progress, sweep_directory
from akd_jax.training.briefing import announce, announce_cost, introduce, report_end, report_sweep, report_teacher, say
from akd_jax.training.conclusion import conclude
from akd_jax.training.dispatch import Program
from akd_jax.training.due import evaluation_due, is_over
from akd_jax.training.follower import follow
from akd_jax.training.judge import Evaluation, evaluation
from akd_jax.training.progress import Progress
from akd_jax.training.resumption import go_back, is_reported, where_they_stopped
from akd_jax.training.run import Run
from akd_jax.training.seat import Seat, completed, save, settle, taken
from akd_jax.training.sweep import Member, is_sweep, members_of
from akd_jax.training.sweep_runs import assemble_all, read_all
from akd_jax.training.trace import Trace
from akd_jax.types import AKDState


def train(
    config: Config,
    directory: Path,
    *,
    force: bool = False,
    dry_run: bool = False,
    then: Callable[[Path], None] = lambda directory: None,
) -> None:
    """Plays the game of `config` in `directory`, on from its newest checkpoint if it has one; or the games of a sweep,
    each in a directory of its own there.

    dry_run: stops before the first round, with nothing written or downloaded. then: what follows in each run's
    directory at its end. Of several processes that play one run (`config.mesh`) the first does all but compute, and
    what it raises, all raise.
    Raises InputError, before anything is written, for settings, a teacher, data or a platform that cannot be used;
    NonFiniteError where too many steps in a row are not finite; OutOfMemoryError; and, in the main thread, StoppedError
    after SIGTERM or SIGINT, once the run is saved.
    """
    members = members_of(config)
    hosts.join(config.mesh)
    compilation.wake(config.compilation.cache, alone=not config.mesh.coordinator)
    hosts.check_same(config)
    with memory.advising(config):
        if hosts.is_first():
            with hosts.leading():
                _lead(config, members, directory, force=force, dry_run=dry_run)
                with memory.advising(config):
                    for member in () if dry_run else members:
                        then(directory / member.name)
        else:
            follow(config, directory)


def _lead(config: Config, members: Sequence[Member], directory: Path, *, force: bool, dry_run: bool) -> None:
    """What the first process does, in most runs the only one; `follow` is what others do meanwhile."""
    sweep = is_sweep(config)
    if not dry_run:
        workdir.check_unused(directory)
    if sweep:
        sweep_directory.check(members, directory)
    announce(config, members)
    with memory.advising(config):
        found = read_all(members, directory, force=force or dry_run, fetch=not dry_run)
    hosts.tell(found.facts)  # nothing can be refused any more
    runs, states = assemble_all(members, directory, found)
    introduce(runs[0])
    if dry_run:
        states = [run.placement.everywhere(state) for run, state in zip(runs, states, strict=True)]
        announce_cost(runs, max(_compiled(runs, turn, states).memory for turn in runs[0].schedule.kinds), after=0)
        return
    alone = sweep_directory.alone(config.name, members, directory) if sweep else workdir.alone(directory)
    with signals.awaited() as request, alone:
        for run in runs:  # another may have begun meanwhile
            workdir.check(run.directory, run.config, run.digests, force=force)
        begun = _begun(runs, states)
        del found, states  # or the first players would lie beside those of a resumed run
        if all(map(is_reported, runs, begun)):
            say("all of it was done before: nothing is played, measured or changed")
        else:
            for run in runs:
                _write_down(run)
            with ExitStack() as opened:
                seats = [taken(run, now, opened) for run, now in zip(runs, begun, strict=True)]
                del begun  # the states are overwritten
                hosts.tell(seats[0].now.on_one_device)
                _play(seats, directory, request)
    if sweep:
        report_sweep(files.read_json(directory / workdir.SWEEP), directory)
    else:
        report_end(runs[0], files.read_json(directory / workdir.SUMMARY))


def _begun(runs: Sequence[Run], states: Sequence[AKDState]) -> list[Progress]:
    """Where each goes on, from these states where it begins; what is there of later rounds is out of the way."""
    starts = [progress.fresh(state) for state in states]
    found = where_they_stopped(runs, starts)
    if found[0][0] is not starts[0]:
        say(f"resuming from round {found[0][0].round}")
    # Only now: settings that cannot go on from the checkpoint have left the run as it was.
    for run, (now, damaged) in zip(runs, found, strict=True):
        go_back(run, now, damaged)
    return [now for now, _ in found]


def _write_down(run: Run) -> None:
    """What it is, in its directory."""
    files.write_json(run.directory / workdir.CONFIG, to_dict(run.config))
    if run.teacher_info:
        teacher_files.write_info(run.directory, run.teacher_info)
    if run.lessons_info:
        lessons.write_info(run.directory, run.lessons_info)
    if run.embeddings:
        embeddings_file.write(run.directory, run.embeddings)


def _compiled(runs: Sequence[Run], turn: str, states: Sequence[AKDState]) -> Program:
    """By all processes."""
    hosts.tell(turn)
    return dispatch.compile_turn(runs, turn, states)


def _play(seats: Sequence[Seat], directory: Path, request: signals.Request) -> None:
    """From here to the end of these runs, in step, with at least one evaluation of each.

    directory: what to resume them in. Raises StoppedError where that is requested.
    """
    runs = [seat.run for seat in seats]
    lead, schedule = runs[0], runs[0].schedule
    give_way = partial(_give_way, directory=directory, request=request)
    with memory.advising(lead.config):
        judges = evaluation(lead)
    report_teacher(lead, judges)
    programs: dict[str, Program] = {}
    over = all(is_over(seat.run, seat.now) for seat in seats)
    for turn in schedule.kinds if not over and seats[0].now.round < schedule.rounds else ():
        give_way(seats)
        programs[turn] = _compiled(runs, turn, [seat.now.state for seat in seats])
    give_way(seats)
    if programs:
        most = max(program.memory for program in programs.values())
        announce_cost(runs, most, after=seats[0].now.round)
    with (
        Trace(directory / workdir.PROFILE, lead.config.profile_dispatches) as trace,
        tqdm(total=schedule.rounds, initial=seats[0].now.round, unit="round", disable=None) as bar,
    ):
        with memory.advising(lead.config):
            seats = [completed(seat, judges) for seat in seats]
        seats = _evaluated(seats, judges, give_way)
        saved, paces = time.monotonic(), {}
        while not all(seat.now.ending for seat in seats):
            give_way(seats)
            planned = next_dispatch(schedule, seats[0].now.round, paces)
            before = seats[0].now.seconds
            request.note(hosts.tell(planned))
            with trace.around(planned):
                seats = dispatch.play(seats, planned, programs[planned.turn])
            # The first call of any program is slow and tells nothing.
            known = planned.turn in paces
            paces[planned.turn] = (seats[0].now.seconds - before) / planned.rounds if known else math.inf
            bar.update(planned.rounds)
            if evaluation_due(lead, seats[0].now):
                seats = _evaluated(seats, judges, give_way)
            elif time.monotonic() - saved > 60 * lead.config.schedule.save_minutes:
                seats = save(seats)
            else:
                continue
            saved = time.monotonic()


def _give_way(seats: Sequence[Seat], *, directory: Path, request: signals.Request) -> None:
    """Where stopping is requested, raises StoppedError once all is on disk."""
    if not request.by:
        return
    settle(save(seats))  # what is said to be saved is
    raise StoppedError(
        f"stopped by {request.by.name} after round {seats[0].now.round}: the same command with --workdir "
        f"{directory} goes on from there",
        request.by,
    )


def _evaluated(seats: Sequence[Seat], judges: Evaluation, give_way: Callable[[Sequence[Seat]], None]) -> list[Seat]:
    """With the evaluations that are due; before each, since it may take long, all may give way."""
    settle(seats)
    after = list(seats)
    for i, (run, now, checkpoints, recorder, _) in enumerate(seats):
        if evaluation_due(run, now):
            give_way(after)
            with memory.advising(run.config):
                now = conclude(run, now, judges, recorder, checkpoints)
            after[i] = after[i]._replace(now=now, saved=now.round)
    return after
