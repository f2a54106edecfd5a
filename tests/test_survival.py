"""A run that is stopped, in whatever way, and goes on is the run that was not; for every method and schedule."""

import signal
import threading
import time

import jax.numpy as jnp
import pytest
from outcomes import assert_same_result, saved
from stage import PLAYED, STUDENTS, Stage

from akd_jax import saved_run
from akd_jax.errors import OutOfMemoryError, StoppedError
from akd_jax.schedule import Dispatch
from akd_jax.training import dispatch, hosts, loop, progress

QUICK = [("akd", STUDENTS, 2), ("fast", STUDENTS[:1], 1)]
"""Two students in turn against a generator that keeps its average, and one with a bank of images to be saved."""
# The state of the others is of no other kind, so they are left to the slow tests.
SLOW = [("akd", STUDENTS, 1), ("supervised", STUDENTS, 1), ("supervised", STUDENTS, 2)] + [
    (method, STUDENTS[:1], 1) for method in PLAYED if method not in ("akd", "supervised", "fast")
]
STAGES = [*QUICK, *(pytest.param(stage, marks=pytest.mark.slow) for stage in SLOW)]


@pytest.fixture(scope="module", params=STAGES)
def stage(request, tmp_path_factory):
    """Eight rounds that are evaluated, and so saved, after the last only."""
    method, students, turns = request.param
    settings = {
        "method": method,
        "students": students,
        "schedule.students": "joint" if turns == 1 else "alternating",
        "schedule.rounds_per_epoch": 4 // turns,
        "evaluation.every_epochs": 2,
        "adversarial.student_steps": 1,
        "adversarial.replay_decay": 0.5,  # so that the generator has an average to be saved
    }
    return Stage(tmp_path_factory.mktemp("stage") / "none", settings)


@pytest.fixture(scope="module")
def uninterrupted(stage, tmp_path_factory):
    directory = tmp_path_factory.mktemp("uninterrupted")
    stage.train(directory)
    return directory


def ending_with(end, after):
    """A dispatch after whose last round but before anything else `end` is called, if that is the round `after`."""

    def play(*arguments):
        seats = dispatch_play(*arguments)
        if seats[0].now.round == after:
            end()
        return seats

    return play


dispatch_play = dispatch.play


class PlainStop(Exception):
    """The process ends there."""


def plain_stop():
    raise PlainStop


def test_stopped_in_every_way_and_resumed_is_uninterrupted(stage, uninterrupted, tmp_path):
    """One run that is stopped by SIGTERM, by SIGINT, and just so, which loses what was played since it was saved."""
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    for after, number in ((1, signal.SIGTERM), (3, signal.SIGINT)):
        with pytest.raises(
            StoppedError, match=rf"^stopped by {number.name} after round {after}: .*--workdir {tmp_path}"
        ):
            stage.train(tmp_path, play=ending_with(lambda number=number: signal.raise_signal(number), after))
        assert saved_run.read(tmp_path).progress.round == after, "in the middle of an epoch"
        assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == handlers
    with pytest.raises(PlainStop):
        stage.train(tmp_path, play=ending_with(plain_stop, 5))
    assert saved_run.read(tmp_path).progress.round == 3
    stage.train(tmp_path)
    assert_same_result(uninterrupted, tmp_path)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """Six rounds in two epochs."""
    return Stage(tmp_path_factory.mktemp("stage") / "none")


@pytest.mark.slow
def test_the_same_seed_twice_is_the_same_run(one, tmp_path):
    """And another seed is another run."""
    one.train(tmp_path / "one")
    Stage(tmp_path / "none").train(tmp_path / "other")
    assert_same_result(tmp_path / "one", tmp_path / "other")
    Stage(tmp_path / "none", {"seed": 1}).train(tmp_path / "another")
    assert saved(tmp_path / "one")[0] != saved(tmp_path / "another")[0]


def saves(monkeypatch):
    """The rounds that are saved, noted."""
    rounds, save = [], progress.save
    monkeypatch.setattr(progress, "save", lambda checkpoints, now: (rounds.append(now.round), save(checkpoints, now)))
    return rounds


@pytest.mark.parametrize(("minutes", "wanted"), [(0.0, [1, 2, 3, 4, 5, 6]), (10.0, [3, 6])])
def test_a_run_is_saved_between_evaluations_when_time_has_passed(one, tmp_path, monkeypatch, minutes, wanted):
    rounds = saves(monkeypatch)
    one.train(tmp_path, save_minutes=minutes)
    assert rounds == wanted


@pytest.mark.parametrize("after", [3, 6])
def test_a_signal_does_not_wait_for_an_evaluation(one, tmp_path, after):
    """Which may take long; it follows when the run goes on, also at the run's end."""

    def judge(*_):
        pytest.fail("measured before it was saved")

    one.train(tmp_path / "whole")
    directory = tmp_path / "stopped"
    with pytest.raises(StoppedError, match=f"after round {after}"):
        end = ending_with(lambda: signal.raise_signal(signal.SIGTERM), after)
        one.train(directory, play=end, judges={"during": judge} if after == 3 else None)
    assert saved_run.read(directory).progress.round == after
    one.train(directory)
    assert_same_result(tmp_path / "whole", directory)


def test_a_signal_at_a_round_that_is_being_saved(one, tmp_path):
    end = ending_with(lambda: signal.raise_signal(signal.SIGTERM), 2)
    with pytest.raises(StoppedError, match="after round 2"):
        one.train(tmp_path, save_minutes=0.0, play=end)
    assert saved_run.read(tmp_path).progress.round == 2


def test_a_signal_before_the_first_round_leaves_no_checkpoint(one, tmp_path, monkeypatch):
    """During the compilation, say; two seconds after that the run is over."""
    announce, compiled = loop.announce_cost, []

    def signalled(*arguments, **how):
        announce(*arguments, **how)
        compiled.append(time.monotonic())
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(loop, "announce_cost", signalled)
    with pytest.raises(StoppedError, match="after round 0"):
        one.train(tmp_path)
    assert time.monotonic() - compiled[0] < 2
    assert not list((tmp_path / "checkpoints").iterdir())


def test_a_run_in_another_thread_leaves_signals_alone(one, tmp_path):
    before, errors = signal.getsignal(signal.SIGTERM), []

    def play():
        try:
            one.train(tmp_path)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=play)
    thread.start()
    thread.join()
    assert not errors and signal.getsignal(signal.SIGTERM) == before
    assert saved_run.read(tmp_path).progress.round == 6


def exhaust():
    """What JAX raises, of a size that no machine has."""
    jnp.zeros(1 << 50).block_until_ready()


def test_too_little_memory(one, tmp_path, monkeypatch):
    def exhausting(seats, planned, program):
        if seats[0].now.round == 4:
            exhaust()
        return dispatch_play(seats, planned, program)

    told = []
    monkeypatch.setattr(hosts, "tell", lambda message: told.append(message) or 0)
    with pytest.raises(OutOfMemoryError, match=r"smaller --config\.batch_size than 8 ") as caught:
        one.train(tmp_path, play=exhausting)
    assert isinstance(told[-1], Dispatch), "other processes, which would be in that program, listen to nothing"
    assert "\n" not in str(caught.value)
    for key, now in (("mesh.data", 1), ("accumulate", 1), ("evaluation.batch_size", 256)):
        assert f"--config.{key} than {now}" in str(caught.value)
    assert saved_run.read(tmp_path).progress.round == 3


def test_too_little_memory_for_an_evaluation(one, tmp_path, monkeypatch):
    """Which only the first of several processes makes, so that the others can be told."""
    told = []
    monkeypatch.setattr(hosts, "tell", lambda message: told.append(message) or 0)
    with pytest.raises(OutOfMemoryError):
        one.train(tmp_path, judges={"during": lambda *_: exhaust()})
    assert isinstance(told[-1], OutOfMemoryError)
