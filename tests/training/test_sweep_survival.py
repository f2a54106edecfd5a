"""A sweep that is stopped, in whatever way, and goes on is the sweep that was not."""

import dataclasses
import json
import shutil
import signal

import pytest
from commands import contents
from damage import DAMAGES
from exact import OPTIONS
from outcomes import assert_same_result, names
from stage import QUICKEST, Stage
from test_survival import PlainStop, ending_with, plain_stop

from akd_jax import saved_run, workdir
from akd_jax.checkpoint import rounds_in
from akd_jax.errors import InputError, SavedStateError, StoppedError
from akd_jax.training import loop, progress

MEMBERS = ("seed_0", "seed_1")
GAME = QUICKEST | {"compilation.options": ("xla_backend_optimization_level=0", *OPTIONS)}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Two members, six rounds in two epochs."""
    return Stage(tmp_path_factory.mktemp("stage") / "none", GAME | {"num_seeds": 2})


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    """The second member by itself."""
    return Stage(tmp_path_factory.mktemp("stage") / "none", GAME | {"seed": 1})


@pytest.fixture(scope="module")
def uninterrupted(stage, tmp_path_factory):
    directory = tmp_path_factory.mktemp("uninterrupted") / "sweep"
    stage.train(directory)
    return directory


@pytest.fixture
def copy(uninterrupted, tmp_path):
    return shutil.copytree(uninterrupted, tmp_path / "copy")


def assert_same_sweep(one, other):
    assert names(one) == names(other)
    assert json.loads((one / "sweep.json").read_text()) == json.loads((other / "sweep.json").read_text())
    for member in MEMBERS:
        assert names(one / member) == names(other / member)
        assert_same_result(one / member, other / member)


def saving(monkeypatch, number):
    """The process ends before the save of this number, counted from 1, of any member."""
    save, saves = progress.save, []

    def ending(checkpoints, now):
        saves.append(now.round)
        if len(saves) == number:
            for each in pending:
                each.wait()
            raise PlainStop
        pending.append(checkpoints)
        save(checkpoints, now)

    pending = []
    monkeypatch.setattr(progress, "save", ending)


def test_a_kill_between_the_first_two_saves(stage, uninterrupted, tmp_path, monkeypatch):
    """When not everybody has a checkpoint."""
    with monkeypatch.context() as patch, pytest.raises(PlainStop):
        saving(patch, 2)
        stage.train(tmp_path / "sweep")
    assert [rounds_of(tmp_path / "sweep" / member) for member in MEMBERS] == [[3], []]
    stage.train(tmp_path / "sweep")
    assert_same_sweep(uninterrupted, tmp_path / "sweep")


def rounds_of(member):
    """Those that are saved, the newest first."""
    return rounds_in(member / "checkpoints")


def test_kills_between_saves_where_every_round_is_saved(stage, uninterrupted, tmp_path, monkeypatch):
    """Whatever the moment, there is a round that all have."""
    sweep = tmp_path / "sweep"
    for round in (1, 2):
        with monkeypatch.context() as patch, pytest.raises(PlainStop):
            saving(patch, 4)  # of this round both, of the next the first's
            stage.train(sweep, save_minutes=0.0)
        assert [rounds_of(member)[0] for member in map(sweep.joinpath, MEMBERS)] == [round + 1, round]
    stage.train(sweep)
    assert_same_sweep(uninterrupted, sweep)


def test_a_signal_and_a_plain_stop(stage, uninterrupted, tmp_path):
    """In the middle of an epoch, both."""
    sweep = tmp_path / "sweep"
    with pytest.raises(StoppedError, match=rf"^stopped by SIGTERM after round 1: .*--workdir {sweep} "):
        stage.train(sweep, play=ending_with(lambda: signal.raise_signal(signal.SIGTERM), 1))
    assert [saved_run.read(sweep / member).progress.round for member in MEMBERS] == [1, 1]
    with pytest.raises(PlainStop):
        stage.train(sweep, play=ending_with(plain_stop, 5))
    stage.train(sweep)
    assert_same_sweep(uninterrupted, sweep)


def test_a_signal_between_two_members_evaluations(stage, uninterrupted, tmp_path, monkeypatch):
    """The others are saved as they are, and measured when the sweep goes on."""
    conclude = loop.conclude

    def signalled(run, *rest):
        now = conclude(run, *rest)
        if (run.member, now.round) == ("seed_0", 3):
            signal.raise_signal(signal.SIGTERM)
        return now

    with monkeypatch.context() as patch, pytest.raises(StoppedError, match="after round 3"):
        patch.setattr(loop, "conclude", signalled)
        stage.train(tmp_path / "sweep")
    found = [saved_run.read(tmp_path / "sweep" / member).progress for member in MEMBERS]
    assert [(now.round, now.evaluated) for now in found] == [(3, 3), (3, None)]
    stage.train(tmp_path / "sweep")
    assert_same_sweep(uninterrupted, tmp_path / "sweep")


def test_a_finished_sweep_stays_as_it_is(stage, uninterrupted, capsys):
    before = contents(uninterrupted)
    stage.train(uninterrupted)
    assert contents(uninterrupted) == before
    out = capsys.readouterr().out
    assert "all of it was done before" in out and "finished 2 members" in out and "best top-1" in out


@pytest.mark.parametrize("lost", ["sweep.json's results", "a member's summary"])
def test_a_kill_between_the_last_checkpoint_and_the_reports(stage, uninterrupted, copy, lost):
    if lost == "a member's summary":
        (copy / "seed_1" / "summary.json").unlink()
    else:
        told = json.loads((copy / "sweep.json").read_text())
        (copy / "sweep.json").write_text(json.dumps(told | {"results": []}))
    stage.train(copy)
    assert_same_sweep(uninterrupted, copy)


def test_a_members_damaged_checkpoint_takes_all_back(stage, uninterrupted, copy, capsys):
    DAMAGES["no record"](copy / "seed_1" / "checkpoints" / "6")
    stage.train(copy)
    told = capsys.readouterr()
    assert "checkpoint 6 in" in told.err and "going on from checkpoint 3" in told.err
    assert "resuming from round 3" in told.out
    shutil.rmtree(copy / "seed_1" / workdir.DAMAGED)
    assert_same_sweep(uninterrupted, copy)


def test_a_member_that_is_gone_is_no_reason_to_begin_anew(stage, copy):
    shutil.rmtree(copy / "seed_1")
    before = contents(copy)
    with pytest.raises(InputError, match=r"damaged sweep: seed_1, which has played with the others, is gone"):
        stage.train(copy)
    assert contents(copy) == before and not (copy / "seed_1").exists()


def test_a_member_without_its_checkpoints_is_no_reason_to_begin_anew(stage, copy):
    shutil.rmtree(copy / "seed_1" / "checkpoints")
    (copy / "seed_1" / "summary.json").unlink()
    before = contents(copy)
    with pytest.raises(
        SavedStateError,
        match=r"no checkpoint of the same round: .*after 6 and 3 rounds, and another one.s newest is after 0",
    ):
        stage.train(copy)
    assert {path: data for path, data in contents(copy).items() if path.name != ".lock"} == {
        path: data for path, data in before.items() if path.name != ".lock"
    }


def test_a_member_is_bitwise_the_run_that_it_would_be_alone(uninterrupted, second, tmp_path):
    """Where seeds alone differ, since one after another they are played by the same operations."""
    second.train(tmp_path / "alone")
    assert names(uninterrupted / "seed_1") == names(tmp_path / "alone")
    assert_same_result(uninterrupted / "seed_1", tmp_path / "alone")


def test_nobody_joins_or_leaves(stage, copy, monkeypatch):
    before = contents(copy)
    for changes in ({"num_seeds": 3}, {"seed": 1}, {"sweep": ("student_optimizer.momentum=0.5,0.9",)}):
        with (
            monkeypatch.context() as patch,
            pytest.raises(InputError, match=r"a sweep of other members .*take another"),
        ):
            patch.setattr(stage, "config", dataclasses.replace(stage.config, **changes))
            stage.train(copy)
    assert contents(copy) == before


def test_other_settings_are_refused(stage, copy, monkeypatch):
    before = contents(copy)
    with (
        monkeypatch.context() as patch,
        pytest.raises(InputError, match=r"seed_\d holds a run with other settings \(b"),
    ):
        patch.setattr(stage, "config", dataclasses.replace(stage.config, batch_size=16))
        stage.train(copy)
    assert contents(copy) == before


def test_a_member_that_trains_elsewhere_is_locked(stage, copy):
    with workdir.locked(copy / "seed_1"), pytest.raises(InputError, match="seed_1 is locked by process"):
        stage.train(copy)
    with workdir.locked(copy), pytest.raises(InputError, match="copy is locked by process"):
        stage.train(copy)


def test_a_run_is_no_sweep_and_a_sweep_no_run(stage, uninterrupted, copy, monkeypatch):
    with pytest.raises(InputError, match=r"seed_0 is no sweep, and not empty"):
        stage.train(copy / "seed_0")
    with pytest.raises(InputError, match=r"is a sweep: give the directory of one of its members, such as .*seed_0"):
        saved_run.read(copy)
    with pytest.raises(InputError, match="is no run, and not empty"):
        workdir.check(copy, stage.config, {}, force=False)
