"""akd-evaluate: a run's students, or a teacher, on labelled images. (tests/test_evaluate.py has the other name.)"""

import json
import shutil
import time

import numpy as np
import pytest
from commands import CHECKPOINT, STUDENT, W8, status

from akd_jax.cli import convert_teacher, evaluate
from akd_jax.data import prepare


def test_evaluated_students(run, tmp_path, capsys):
    out = tmp_path / "figures.json"
    summary = json.loads((run / "summary.json").read_text())["students"][STUDENT]
    for flags, saved in (((), "last"), (("--best",), "best")):
        assert status(evaluate, "--workdir", run, "--split", "validation", "--json", out, *flags) == 0
        found = json.loads(out.read_text())
        (network,) = found["networks"]
        assert found["schema"] == 1 and (network["data"], network["split"]) == ("digits", "validation")
        for key in ("top1", "top5", "loss", "agreement", "kl", "ece"):
            assert network[key] == pytest.approx(summary[saved]["validation"][key], abs=2e-6)
        assert network["images"] == sum(row["images"] for row in network["classes"]) == 397
        right = sum(row["images"] * row["top1"] for row in network["classes"])
        assert right == pytest.approx(397 * network["top1"], abs=1e-2)
        assert 0 <= network["top1"] <= network["top5"] <= 1 and 0 <= network["ece"] <= 1
    teacher = json.loads((run / "summary.json").read_text())["teacher"]["top1"]["validation"]
    assert network["retention"] == pytest.approx(network["top1"] / teacher, abs=1e-4)
    printed = capsys.readouterr().out
    assert f"{100 * network['top1']:.2f} %" in printed and "at its best" in printed


def test_evaluated_without_the_runs_teacher(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    config["teacher"]["path"] = "gone.pth"
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    assert status(evaluate, "--workdir", tmp_path / "run", "--json", tmp_path / "figures.json") == 0
    (network,) = json.loads((tmp_path / "figures.json").read_text())["networks"]
    assert network["agreement"] is network["kl"] is network["retention"] is None and network["images"] == 400


def test_evaluated_teacher(tmp_path, capsys):
    assert status(convert_teacher, *W8, "--data", "digits", "--out", tmp_path / "teacher") == 0
    flags = ("--teacher", tmp_path / "teacher", "--data", "digits", "--json", tmp_path / "figures.json")
    assert status(evaluate, *flags) == 0
    (network,) = json.loads((tmp_path / "figures.json").read_text())["networks"]
    assert network["top1"] > 0.985 and network["agreement"] == network["retention"] == 1
    assert network["kl"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "train one first"),
        (("--workdir", "nowhere"), "nowhere is no run"),
        (("--teacher", "nowhere", "--data", "digits"), "nowhere is not there"),
        (("--teacher", CHECKPOINT, "--data", "digits"), "is a file"),
        (("--teacher", ".", "--data", "digits"), "has no teacher.json"),
        (("--teacher", "nowhere", "--data", "digits", "--json", "."), "is a directory"),
        (("--teacher", "nowhere"), "--data"),
        (("--teacher", "nowhere", "--workdir", "nowhere"), "one or the other"),
        (("--nope",), "--nope"),
    ],
)
def test_evaluating_refuses(refused, arguments, says):
    assert says in refused(evaluate, *arguments)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--student", "nobody"), STUDENT),
        (("--split", "exam"), "train, validation, test"),
        (("--data", "nowhere.npz"), "nowhere.npz"),
    ],
)
def test_evaluating_a_run_refuses(refused, run, arguments, says):
    assert says in refused(evaluate, "--workdir", run, *arguments)


def test_evaluating_a_run_refuses_images_of_another_size_or_class(refused, run, tmp_path):
    np.savez(tmp_path / "large.npz", x=np.zeros((2, 32, 32, 1), np.uint8), y=np.array([0, 1]))
    np.savez(tmp_path / "many.npz", x=np.zeros((2, 16, 16, 1), np.uint8), y=np.array([0, 10]))
    assert "wanted (16, 16, 1)" in refused(evaluate, "--workdir", run, "--data", "large.npz")
    assert "10 classes" in refused(evaluate, "--workdir", run, "--data", "many.npz")


def test_evaluating_without_the_images_and_a_network_says_which_file_goes_where(refused, run, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "ORIGIN", "http://127.0.0.1:9")
    started = time.monotonic()
    error = refused(evaluate, "--workdir", run, "--data", "cifar100", "--data_dir", tmp_path)
    assert time.monotonic() - started < 10
    for told in ("cifar-100-binary.tar.gz", "sha256 58a81ae192", str(tmp_path / "downloads" / "manual")):
        assert told in error


def test_evaluating_refuses_a_run_without_its_teachers_record(refused, run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "teacher.json").unlink()
    assert "run is a damaged run: it has no teacher.json" in refused(evaluate, "--workdir", "run")
