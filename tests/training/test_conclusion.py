"""What evaluations find and do: a collapse, a measure that is not finite."""

import dataclasses
import json
import shutil
import signal

import pytest
from commands import contents
from damage import DAMAGES
from outcomes import history, names, rows
from stage import STUDENTS, Stage

from akd_jax import saved_run
from akd_jax.config import CollapseConfig
from akd_jax.errors import StoppedError
from akd_jax.training import dispatch, progress
from akd_jax.training.recorder import Recorder

NAME = STUDENTS[0]


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Four epochs of one round."""
    settings = {"schedule.epochs": 4, "schedule.rounds_per_epoch": 1}
    return Stage(tmp_path_factory.mktemp("stage") / "none", settings)


def drawing(*diversities):
    """A generator's judge that finds these, an evaluation each."""
    found = iter(diversities)
    rest = {"label_entropy": 0.9, "disagreement": 0.5, "agreement": 0.9}
    return {"generator": lambda state, key: {NAME: {"diversity": next(found)} | rest}}


def stopping_after(round):
    """A dispatch, and SIGTERM after this round."""

    def play(*arguments):
        seats = dispatch_play(*arguments)
        if seats[0].now.round == round:
            signal.raise_signal(signal.SIGTERM)
        return seats

    return play


dispatch_play = dispatch.play


def test_the_generator_is_measured_at_every_evaluation(stage, tmp_path):
    stage.train(tmp_path)
    found = [row for row in rows(tmp_path) if row["kind"] == "generator"]
    assert [(row["round"], row["epoch"], row["student"], row["seed"]) for row in found] == [
        (round, round, NAME, 0) for round in (1, 2, 3, 4)
    ]
    for row in found:
        assert 1 <= row["diversity"] <= 256 and 0 <= row["label_entropy"] <= 1 and 0 <= row["agreement"] <= 1
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["generator"]["students"][NAME].items() <= found[-1].items()
    assert summary["ending"] == "all rounds are played"


def test_a_collapse_is_told_of_once_until_it_recovers(stage, tmp_path, capsys):
    stage.train(tmp_path, judges=drawing(1.0, None, 9.0, 1.2))
    warnings = [line for line in capsys.readouterr().err.splitlines() if "collapse" in line]
    assert [line.split(":")[1] for line in warnings] == [" collapse after round 1", " collapse after round 4"]
    assert all("diversity (the generator's images are alike)" in line for line in warnings)
    assert json.loads((tmp_path / "summary.json").read_text())["generator"]["collapsed"] == ["diversity"]


def test_a_collapse_ends_the_run_where_that_is_wanted(stage, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(stage, "config", dataclasses.replace(stage.config, collapse=CollapseConfig(stop=True)))
    stage.train(tmp_path, judges=drawing(9.0, 1.0))
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["rounds"], summary["finished"]) == (2, True)
    assert summary["ending"] == "the game collapsed (diversity)"
    assert "stopped early: the game collapsed (diversity)" in capsys.readouterr().out
    stage.train(tmp_path, judges=drawing())  # finished, so nothing is measured again
    monkeypatch.setattr(stage, "config", dataclasses.replace(stage.config, collapse=CollapseConfig()))
    with pytest.raises(StoppedError):
        stage.train(tmp_path, play=stopping_after(3), judges=drawing())
    stage.train(tmp_path, judges=drawing(1.0, 1.0))
    assert json.loads((tmp_path / "summary.json").read_text())["rounds"] == 4


def test_a_measure_that_is_not_finite_is_told_of_and_no_best(stage, tmp_path, capsys):
    measured = iter([(0.5, 1.0), (0.9, None), (0.4, 1.0), (0.3, 1.0)])

    def judge(name, variables):
        top1, loss = next(measured)
        return {"test": {"top1": top1, "agreement": 0.5, "loss": loss}}

    stage.train(tmp_path, judges={"during": judge, "at_end": lambda name, variables: {}})
    assert "warning: loss of tiny_w4 on test is not finite after round 2" in capsys.readouterr().err
    best = saved_run.read(tmp_path).progress.best[NAME]
    assert (best.round, best.measures["test"]["top1"]) == (1, 0.5)
    assert [row["loss"] for row in rows(tmp_path) if row["kind"] == "eval"] == [1.0, None, 1.0, 1.0]
    assert json.loads((tmp_path / "summary.json").read_text())["students"][NAME]["best"]["test"]["round"] == 1


def test_a_run_that_was_stopped_between_evaluations_is_not_finished(tmp_path, monkeypatch):
    """Whatever had collapsed at the last one, and whatever the settings say now."""
    stage = Stage(tmp_path / "none", {"schedule.rounds_per_epoch": 2})
    with pytest.raises(StoppedError, match="after round 3"):
        stage.train(tmp_path, play=stopping_after(3), judges=drawing(1.0))
    monkeypatch.setattr(stage, "config", dataclasses.replace(stage.config, collapse=CollapseConfig(stop=True)))
    stage.train(tmp_path, judges=drawing(9.0))
    assert json.loads((tmp_path / "summary.json").read_text())["rounds"] == 4


def test_a_checkpoint_that_was_not_evaluated_is_not_reported_as_if_it_were(stage, tmp_path, monkeypatch):
    """Saved by a signal after an epoch without an evaluation, which is to have one by the settings of now."""

    def every(epochs):
        evaluation = dataclasses.replace(stage.config.evaluation, every_epochs=epochs)
        monkeypatch.setattr(stage, "config", dataclasses.replace(stage.config, evaluation=evaluation))

    every(2)
    with pytest.raises(StoppedError, match="after round 3"):
        stage.train(tmp_path, play=stopping_after(3), judges=drawing(9.0))
    assert json.loads((tmp_path / "summary.json").read_text())["rounds"] == 2
    every(1)
    for found in ([1.5], []):  # once
        with pytest.raises(KeyError, match="nothing was played"):
            stage.train(tmp_path, play=refusing, judges=drawing(*found))
        summary = json.loads((tmp_path / "summary.json").read_text())
        assert summary["rounds"] == 3 and summary["generator"]["students"][NAME]["diversity"] == 1.5
    stage.train(tmp_path, judges=drawing(9.0))
    assert [row["round"] for row in rows(tmp_path) if row["kind"] == "generator"] == [2, 3, 4]


def refusing(*_):
    raise KeyError("nothing was played")


def judging(*found, split="test"):
    """Judges that find this top-1 of the student, an evaluation each, and a game that goes well."""
    left = iter(found)

    def judge(name, variables):
        return {split: {"top1": next(left), "agreement": 0.5, "loss": 1.0}} if split else {}

    return drawing(*[9.0] * 9) | {"during": judge, "at_end": lambda name, variables: {}}


def told(directory):
    """(rounds, why the run is over)."""
    summary = json.loads((directory / "summary.json").read_text())
    return summary["rounds"], summary["ending"]


def test_settings_that_would_end_a_run_wait_for_its_next_evaluation(stage, tmp_path, monkeypatch):
    """What was measured stays as it was, and no rounds are asked for that nobody compiled."""
    with pytest.raises(StoppedError, match="after round 3"):
        stage.train(tmp_path, play=stopping_after(3), judges=judging(0.5, 0.4))
    shutil.rmtree(tmp_path / "checkpoints" / "3")
    measured = [row for row in rows(tmp_path) if row["kind"] == "eval"]
    monkeypatch.setattr(stage, "config", dataclasses.replace(stage.config, collapse=CollapseConfig(stop=True)))
    with pytest.raises(KeyError):
        stage.train(tmp_path, play=refusing, judges=judging(), patience=1)
    stage.train(tmp_path, judges=judging(0.3), patience=1)
    assert told(tmp_path) == (3, "no student got better in 1 evaluations")
    assert [row for row in rows(tmp_path) if row["kind"] == "eval"][:2] == measured
    stage.train(tmp_path, play=refusing, judges=judging(), patience=1)  # it is over
    stage.train(tmp_path, judges=judging(0.2))
    assert told(tmp_path) == (4, "all rounds are played")


def test_patience_counts_evaluations_that_measured(stage, tmp_path, monkeypatch):
    stage.train(tmp_path / "blind", judges=judging(split=""), patience=1)
    assert told(tmp_path / "blind")[0] == 4
    every = dataclasses.replace(stage.config.evaluation, every_epochs=2)
    with monkeypatch.context() as patch, pytest.raises(StoppedError):
        patch.setattr(stage, "config", dataclasses.replace(stage.config, evaluation=every))
        stage.train(tmp_path / "seen", play=stopping_after(3), judges=judging(0.5), patience=2)
    stage.train(tmp_path / "seen", judges=judging(0.4, 0.3), patience=2)
    assert told(tmp_path / "seen")[0] == 4


def test_no_run_is_finished_before_its_last_evaluation(stage, tmp_path):
    """Although an older summary.json says so: of a finished run whose checkpoint was damaged afterwards."""
    stage.train(tmp_path, judges=judging(0.1, 0.2, 0.3, 0.9))
    DAMAGES["no record"](tmp_path / "checkpoints" / "4")
    with pytest.raises(StoppedError, match="after round 4"):
        stage.train(tmp_path, play=stopping_after(4), judges=judging())
    stage.train(tmp_path, play=refusing, judges=judging(0.9))
    assert [row["round"] for row in rows(tmp_path) if row["kind"] == "eval"] == [1, 2, 3, 4]
    saved = saved_run.read(tmp_path).progress
    assert (saved.evaluated, saved.best[NAME].round, saved.ending) == (4, 4, "all rounds are played")


def test_the_history_of_rounds_that_were_lost_is_lost(stage, tmp_path, monkeypatch):
    """Also before the next evaluation: the newest checkpoint is damaged, the one before was saved between two."""
    every = dataclasses.replace(stage.config.evaluation, every_epochs=2)
    monkeypatch.setattr(stage, "config", dataclasses.replace(stage.config, evaluation=every))
    with pytest.raises(StoppedError, match="after round 3"):
        stage.train(tmp_path, play=stopping_after(3), judges=judging(0.5))
    stage.train(tmp_path, judges=judging(0.6))
    assert [row["round"] for row in history(tmp_path)] == ["2", "4"]
    DAMAGES["no record"](tmp_path / "checkpoints" / "4")
    with pytest.raises(KeyError, match="nothing was played"):
        stage.train(tmp_path, play=refusing, judges=judging())
    assert [row["round"] for row in history(tmp_path)] == ["2"]


def test_a_finished_run_keeps_its_settings(stage, tmp_path, monkeypatch, capsys):
    stage.train(tmp_path, judges=judging(0.1, 0.2, 0.3, 0.9))
    before = contents(tmp_path)
    monkeypatch.setattr(stage, "config", dataclasses.replace(stage.config, samples=9, sample_every_epochs=1))
    stage.train(tmp_path, play=refusing, judges=judging())
    assert contents(tmp_path) == before
    assert "all of it was done before: nothing is played, measured or changed" in capsys.readouterr().out


def test_what_was_measured_and_not_saved_is_measured_when_the_settings_of_now_want_it(stage, tmp_path, monkeypatch):
    """Saved by a signal, evaluated on resumption, and killed before that was saved."""
    with pytest.raises(StoppedError, match="after round 1"):
        stage.train(tmp_path, play=stopping_after(1), judges=judging())
    with monkeypatch.context() as patch, pytest.raises(KeyError):
        patch.setattr(progress, "save", refusing)
        stage.train(tmp_path, judges=judging(0.5))
    every = dataclasses.replace(stage.config.evaluation, every_epochs=2)
    monkeypatch.setattr(stage, "config", dataclasses.replace(stage.config, evaluation=every))
    stage.train(tmp_path, judges=judging(0.6, 0.7))
    assert [row["round"] for row in rows(tmp_path) if row["kind"] == "eval"] == [2, 4]


def test_what_a_kill_left_undrawn_is_drawn(stage, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "config", dataclasses.replace(stage.config, sample_every_epochs=1))
    with monkeypatch.context() as patch, pytest.raises(KeyError):
        patch.setattr(Recorder, "draw", refusing)
        stage.train(tmp_path, judges=judging(0.5))
    stage.train(tmp_path, judges=judging(*[0.5] * 4))
    assert names(tmp_path / "samples") == {f"round_{round:06d}.png" for round in (1, 2, 3, 4)}


def test_a_plateau_is_told_of_also_over_a_resumption(stage, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(stage, "config", dataclasses.replace(stage.config, collapse=CollapseConfig(plateau=3)))
    measured = {"diversity": 9.0, "label_entropy": 0.1, "disagreement": 0.5, "agreement": 0.2}
    still = {"generator": lambda state, key: {NAME: measured}}
    with pytest.raises(StoppedError):
        stage.train(tmp_path, play=stopping_after(2), judges=still)
    assert "label_entropy (the teacher puts" in capsys.readouterr().err
    stage.train(tmp_path, judges=still)
    assert f"collapse after round 3: plateau of {NAME} (its disagreement" in capsys.readouterr().err
