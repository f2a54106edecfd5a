"""akd-train: dry runs and whole runs."""

import csv
import json
import re
import signal
import time

import jax
import pytest
import tiny_models
from commands import GAME, STUDENT, TINY, contents, lose_data, status
from PIL import Image

from akd_jax import metrics
from akd_jax.checkpoint import Checkpoints
from akd_jax.cli import evaluate, train
from akd_jax.data import prepare
from akd_jax.training import dispatch, sweep_runs


def test_dry_run_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert status(train, *TINY, "--dry_run", "--workdir", "run") == 0
    out = capsys.readouterr().out
    assert "4 rounds" in out and "memory" in out
    assert not list(tmp_path.iterdir())


def test_dry_run_prepares_no_data(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(prepare, "prepare", lambda *_: pytest.fail("it would download"))
    monkeypatch.chdir(tmp_path)
    flags = ("--config.evaluation.data=cifar100", "--config.evaluation.data_dir=.", "--config.evaluation.splits=test")
    assert status(train, *TINY, "--dry_run", *flags) == 0
    assert "cifar100 is not prepared in cifar100" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_files_of_a_run(run):
    config = json.loads((run / "config.json").read_text())
    assert (config["name"], config["batch_size"], config["schedule"]["epochs"]) == ("akd:digits", 8, 2)
    with Image.open(run / "curves.png") as curves:
        assert curves.width > 500
    with Image.open(run / "samples" / "round_000004.png") as samples:
        assert samples.size == (2 * (8 * 16 + 7 * 2),) * 2  # 8x8 images, borders between, each pixel doubled
    assert {path.name for path in run.iterdir()} == {
        "config.json", "metrics.jsonl", "history.csv", "checkpoints", "samples", "curves.png", "summary.json",
        "teacher.json", ".lock",
    }  # fmt: skip


def test_checkpoints_hold_the_players_and_no_teacher(run):
    """Which is known by its digest alone."""
    with Checkpoints(run / "checkpoints", keep=None) as checkpoints:
        kinds = checkpoints.record(4)["kinds"]
    held = {"/".join(name.split("/")[:2]) for name in kinds}
    assert held == {"state/step", "state/students", "state/generator", f"best/{STUDENT}"}
    assert json.loads((run / "teacher.json").read_text())["digest"].startswith("sha256:")


def test_metrics_of_a_run(run):
    found = metrics.read(run / "metrics.jsonl")
    training = [row for row in found if row["kind"] == "train"]
    assert [(row["round"], row["epoch"], row["student"]) for row in training] == [
        (1, 1, STUDENT),
        (2, 1, STUDENT),
        (3, 2, STUDENT),
        (4, 2, STUDENT),
    ]
    for row in training:
        assert row.keys() >= {"student_loss", "generator_loss", "seconds", "seed"}
        assert row["student_loss"] > 0 > row["generator_loss"]
    evaluations = [row for row in found if row["kind"] == "eval"]
    assert [(row["round"], row["epoch"], row["student"], row["split"]) for row in evaluations] == [
        (2, 1, STUDENT, "validation"),
        (4, 2, STUDENT, "validation"),
        (4, 2, STUDENT, "test"),  # only at the end
    ]
    for row in evaluations:
        assert row.keys() >= {"loss", "seconds", "seed"}
        assert 0 <= row["top1"] <= 1 and 0 <= row["agreement"] <= 1
    with (run / "history.csv").open(newline="") as file:
        assert [row["top1"] for row in csv.DictReader(file)] == [str(row["top1"]) for row in evaluations]


def test_summary_of_a_run(run):
    summary = json.loads((run / "summary.json").read_text())
    assert summary.keys() >= {
        "schema", "config", "method", "seed", "rounds", "finished", "teacher", "students", "teacher_queries", "flops",
        "wall_seconds", "images_per_second", "versions", "device",
    }  # fmt: skip
    assert (summary["schema"], summary["config"], summary["method"], summary["seed"]) == (1, "akd:digits", "akd", 0)
    assert (summary["rounds"], summary["finished"]) == (4, True)
    assert summary["teacher_queries"] == 4 * (1 + 1) * 8
    assert summary["flops"] > 1e6
    assert summary["teacher"].keys() == {"arch", "parameters", "source", "digest", "top1"}
    assert summary["teacher"]["top1"]["test"] == pytest.approx(0.965)
    assert summary["versions"].keys() == {"akd_jax", "jax", "python"}
    assert summary["students"].keys() == {STUDENT}
    student = summary["students"][STUDENT]
    assert student["share_of_teacher"] == pytest.approx(student["parameters"] / 5_018, abs=1e-4)
    found = metrics.read(run / "metrics.jsonl")
    validation = {row["round"]: row["top1"] for row in found if row.get("split") == "validation"}
    assert student["last"]["validation"]["top1"] == validation[4]
    assert student["best"]["validation"]["top1"] == max(validation.values())
    assert validation[student["best"]["validation"]["round"]] == max(validation.values())
    assert {"top1", "round"} <= student["best"]["test"].keys()


@pytest.mark.slow
def test_students_that_learn_jointly(tmp_path):
    students = "--config.students=('tiny_w4', 'tiny_w8')"
    flags = (students, "--config.schedule.students=joint", "--config.schedule.epochs=1")
    assert status(train, *GAME, *flags, "--workdir", tmp_path) == 0
    training = [row for row in metrics.read(tmp_path / "metrics.jsonl") if row["kind"] == "train"]
    assert [(row["round"], row["student"]) for row in training] == [
        (1, "tiny_w4"), (1, "tiny_w8"), (2, "tiny_w4"), (2, "tiny_w8"),
    ]  # fmt: skip
    assert training[0]["generator_loss"] == training[1]["generator_loss"]
    assert training[0]["student_loss"] != training[1]["student_loss"]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["teacher_queries"] == 2 * (1 + 1) * 8
    assert all("test" in student["last"] for student in summary["students"].values())


@pytest.mark.slow
def test_early_stopping(tmp_path, capsys):
    """Students that may not learn do not get better."""
    flags = ("--config.schedule.epochs=50", "--config.schedule.rounds_per_epoch=1", "--config.schedule.patience=2")
    command = (*TINY, *flags, "--config.student_optimizer.learning_rate=0.0", "--workdir", tmp_path)
    assert status(train, *command) == 0
    assert "no student got better in 2 evaluations" in capsys.readouterr().out
    summary = json.loads((tmp_path / "summary.json").read_text())
    student = summary["students"][STUDENT]
    assert summary["finished"] and summary["rounds"] < 50
    assert summary["rounds"] - student["best"]["validation"]["round"] == 2
    assert "test" in student["last"] and "test" in student["best"]
    before = contents(tmp_path)
    assert status(train, *command) == 0
    assert contents(tmp_path) == before
    # More patience leaves the rounds to come as they were.
    assert status(train, *command, "--config.schedule.patience=3") == 0
    assert json.loads((tmp_path / "summary.json").read_text())["rounds"] > summary["rounds"]


def test_without_data_students_are_trained_and_not_measured(tmp_path, monkeypatch, capsys):
    lose_data(monkeypatch, "cifar100 is nowhere: put it there")
    assert status(train, *TINY, "--config.schedule.epochs=1", "--workdir", tmp_path) == 0
    assert "warning: nobody will know how good the students are: cifar100 is nowhere" in capsys.readouterr().out
    assert {row["kind"] for row in metrics.read(tmp_path / "metrics.jsonl")} == {"train", "generator"}
    assert json.loads((tmp_path / "summary.json").read_text())["finished"]
    monkeypatch.undo()
    assert status(evaluate, "--workdir", tmp_path, "--data", "digits", "--best") == 2
    assert "no student has a best" in capsys.readouterr().err


def test_not_finite(tmp_path, capsys):
    """After a step or two of such a rate none is finite any more."""
    flags = ("--config.student_optimizer.learning_rate=1e30", "--config.schedule.max_skipped=2",
             "--config.schedule.rounds_per_epoch=8", "--config.evaluation.data=")  # fmt: skip
    code = status(train, *TINY, *flags, "--workdir", tmp_path / "run")
    error = capsys.readouterr().err
    assert code == 3
    *_, error = error.splitlines()  # after warnings
    assert re.match(r"error: .+ in (student|generator) step of round \d is not finite, and 2 such steps", error)
    assert "lower the learning rates" in error


def test_ctrl_c_in_the_first_compilation(tmp_path, monkeypatch, capsys):
    """Of two: two seconds after it the run is over."""
    compiled, ended = dispatch.compiled, []

    def interrupted(*arguments, **how):
        program = compiled(*arguments, **how)
        ended.append(time.monotonic())
        if len(ended) == 1:
            signal.raise_signal(signal.SIGINT)
        return program

    monkeypatch.setattr(dispatch, "compiled", interrupted)
    assert (
        status(
            train,
            *GAME,
            f"--config.students={tiny_models.STUDENTS}",
            "--config.evaluation.data=",
            "--workdir",
            tmp_path,
        )
        == 130
    )
    assert time.monotonic() - ended[0] < 2 and len(ended) == 1
    error = capsys.readouterr().err.splitlines()
    assert error[-1].startswith("error: stopped by SIGINT after round 0")
    assert not list((tmp_path / "checkpoints").iterdir())


def test_too_little_memory_for_the_networks(monkeypatch, capsys):
    def full(*_, **__):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: 2 GiB")

    monkeypatch.setattr(sweep_runs, "assemble", full)
    assert status(train, *TINY) == 1
    assert "give a smaller --config.batch_size than 8" in capsys.readouterr().err
