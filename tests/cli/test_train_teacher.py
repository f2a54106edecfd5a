"""akd-train-teacher from its flags to a teacher that akd-train takes; and what comes after such a run."""

import json

import numpy as np
import pytest
from commands import contents, status
from outcomes import assert_same_result
from tiny_models import ARCH

from akd_jax import metrics, teacher_files
from akd_jax.cli import evaluate, export_student, sample, train, train_teacher
from akd_jax.convert.teacher import convert

TEACHER = (
    "--config",
    "teacher:digits",
    f"--config.students={ARCH}",
    "--config.schedule.epochs=4",
    "--config.student_optimizer.warmup=0",
    "--config.compilation.options=('xla_backend_optimization_level=0',)",
    "--config.average=0.5",
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs") / "teacher"
    assert status(train_teacher, *TEACHER, "--workdir", directory) == 0
    return directory


def test_what_it_leaves(trained):
    summary = json.loads((trained / "summary.json").read_text())
    student = summary["students"][ARCH]
    assert (summary["teacher"], summary["teacher_queries"], student["share_of_teacher"]) == (None, 0, None)
    assert student["last"]["test"]["top1"] > 0.25  # chance is 0.1
    assert summary["lessons"]["images"] == 1000 and summary["lessons"]["split"] == "train"
    train_rows = [row for row in metrics.read(trained / "metrics.jsonl") if row["kind"] == "train"]
    assert [row["round"] for row in train_rows] == [1, 2, 3, 4]
    assert train_rows[-1]["student_loss"] < train_rows[0]["student_loss"]
    assert {path.name for path in trained.iterdir()} == {
        ".lock", "checkpoints", "config.json", "curves.png", "history.csv", "lessons.json", "metrics.jsonl",
        "summary.json", "teacher", "teacher.pth",
    }  # fmt: skip


def test_the_teacher_is_the_best_and_the_state_dict_is_it(trained):
    info, variables = teacher_files.read(trained / "teacher")
    best = json.loads((trained / "summary.json").read_text())["students"][ARCH]["best"]
    assert info.arch == ARCH and info.top1 == {"digits": best["test"]["top1"]}
    converted, same = convert(trained / "teacher.pth", arch="auto", mean=info.mean, std=info.std)
    assert converted.digest == info.digest
    np.testing.assert_array_equal(same.params["conv1"]["kernel"], variables.params["conv1"]["kernel"])


def test_measured_again(trained, tmp_path, capsys):
    figures = {}
    for name, where in (("run", ("--workdir", trained, "--best")), ("teacher", ("--teacher", trained / "teacher"))):
        out = tmp_path / f"{name}.json"
        assert status(evaluate, *where, "--data", "digits", "--json", out) == 0
        figures[name] = json.loads(out.read_text())["networks"][0]
    best = json.loads((trained / "summary.json").read_text())["students"][ARCH]["best"]
    assert figures["run"]["top1"] == figures["teacher"]["top1"] == best["test"]["top1"]
    assert figures["run"]["agreement"] is None


@pytest.mark.slow
def test_resumed_it_is_the_same(trained, tmp_path, monkeypatch):
    append = metrics.append

    def interrupting(path, rows):
        append(path, rows := list(rows))
        if rows[0]["round"] == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(metrics, "append", interrupting)
        assert status(train_teacher, *TEACHER, "--workdir", tmp_path / "run") == 130
    assert not (tmp_path / "run" / "teacher").exists()
    assert status(train_teacher, *TEACHER, "--workdir", tmp_path / "run") == 0
    assert_same_result(trained, tmp_path / "run")


def test_once_more_changes_nothing_but_writes_it_again(trained, capsys):
    before = contents(trained)
    assert status(train_teacher, *TEACHER, "--workdir", trained) == 0
    kept = {
        path: data for path, data in contents(trained).items() if "variables" not in path.parts
    }  # Orbax names files
    assert kept == {path: before[path] for path in kept} and len(kept) > 8


def test_each_member_of_a_sweep_leaves_one(tmp_path, monkeypatch):
    """Once all have been trained; while other processes, if there are any, still listen."""
    happened = []
    monkeypatch.setattr("akd_jax.training.hosts.tell", happened.append)

    def lead(config, members, directory, **_):
        happened.append(directory)

    monkeypatch.setattr("akd_jax.training.loop._lead", lead)
    monkeypatch.setattr("akd_jax.graduation.graduate", happened.append)
    assert status(train_teacher, *TEACHER, "--config.num_seeds=2", "--workdir", tmp_path) == 0
    assert happened == [tmp_path, tmp_path / "seed_0", tmp_path / "seed_1", None]


@pytest.mark.slow
def test_a_student_learns_from_it_and_from_images(trained, tmp_path):
    """Ordinary distillation, and the data-free game."""
    distilled = (*TEACHER, f"--config.teacher.path={trained / 'teacher'}", "--config.supervised.distillation=0.9")
    assert status(train, *distilled, "--workdir", tmp_path / "distilled") == 0
    summary = json.loads((tmp_path / "distilled" / "summary.json").read_text())
    assert summary["teacher"]["arch"] == ARCH and summary["teacher_queries"] == 4000
    assert summary["students"][ARCH]["last"]["test"]["agreement"] > 0.5
    game = ("--config", "akd:digits", f"--config.teacher.path={trained / 'teacher'}", "--dry_run")
    assert status(train, *game) == 0


@pytest.mark.slow
def test_without_images_to_measure_it_on_it_is_the_last(tmp_path, capsys):
    where = tmp_path / "run"
    assert status(train_teacher, *TEACHER, "--config.evaluation.data=", "--workdir", where) == 0
    rounds = json.loads((where / "summary.json").read_text())["rounds"]
    assert rounds > 0 and f"the network after round {rounds} (not measured) is in" in capsys.readouterr().out


def test_other_commands(trained, tmp_path, capsys):
    assert status(sample, "--workdir", trained, "--out", tmp_path / "out") == 2
    assert "has no generator: its networks learnt from labelled images" in capsys.readouterr().err
    out = tmp_path / "card"
    assert status(export_student, "--workdir", trained, "--format", "safetensors", "--out", out) == 0
    card = (out / "README.md").read_text()
    assert "Trained on labelled images (train of digits)." in card and "without data" not in card


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("--config", "akd:digits"), "plays akd, which learns from no images: give it to akd-train"),
        ((*TEACHER, "--config.students=('resnet20', 'resnet32')"), "train one teacher at a time"),
        ((*TEACHER, "--config.supervised.data="), "supervised.data is missing"),
        ((*TEACHER, "--config.supervised.split=trian"), "digits has no split 'trian'"),
        ((*TEACHER, "--config.image_size=32"), "has images of (16, 16, 1), wanted (32, 32, 1)"),
        ((*TEACHER, "--config.supervised.distillation=0.5"), "there is no teacher"),
        ((*TEACHER, "--config.batch_size=2000"), "1,000 images are too few"),
        ((*TEACHER, "--config.supervised.label_smoothing=1"), "supervised.label_smoothing=1.0: must be in [0, 1)"),
        ((*TEACHER, "--config.student_optimizer.warmup=1"), "student_optimizer.warmup=1.0: must be a share of the run"),
        ((*TEACHER, "--config.average=1"), "average=1.0: must be in [0, 1)"),
    ],
)
def test_refusals(refused, changes, message):
    assert message in refused(train_teacher, *changes, "--workdir", "run")


def test_other_images_are_refused(trained, tmp_path, monkeypatch, capsys):
    lessons = json.loads((trained / "lessons.json").read_text())
    saved = (trained / "lessons.json").read_text()
    (trained / "lessons.json").write_text(json.dumps(lessons | {"digest": "sha256:0"}))
    assert status(train_teacher, *TEACHER, "--workdir", trained) == 2
    assert "the training images' digest 'sha256:0' -> " in capsys.readouterr().err
    (trained / "lessons.json").unlink()
    assert status(train_teacher, *TEACHER, "--workdir", trained) == 2
    assert "is a damaged run: it has no lessons.json" in capsys.readouterr().err
    (trained / "lessons.json").write_text(saved)
