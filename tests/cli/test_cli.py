"""The commands as a newcomer uses and misuses them.

Most call `main` in this process, since starting one costs seconds.
"""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from akd_jax import data, metrics, saved_run
from akd_jax.cli import convert_teacher, evaluate, export_student, prepare_data, sample, train
from akd_jax.convert.reader import read_checkpoint
from akd_jax.data import prepare
from akd_jax.errors import DataMissing

ROOT = Path(__file__).parents[2]
CONFIG = f"{ROOT / 'configs' / 'akd.py'}:digits"
CHECKPOINT = str(ROOT / "akd_jax" / "assets" / "digits_teacher.pth")
DIGITS = ("--config", CONFIG)
GAME = (
    *DIGITS,
    "--config.schedule.epochs=2",
    "--config.schedule.rounds_per_epoch=2",
    "--config.schedule.rounds_per_dispatch=1",
    "--config.adversarial.student_steps=1",
    "--config.batch_size=8",
)
STUDENT = "resnet10_8x_w4"
TINY = (*GAME, f"--config.students={STUDENT}")


def status(command, *arguments):
    with pytest.raises(SystemExit) as caught:
        command.main([str(argument) for argument in arguments])
    return caught.value.code


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Runs a command in an empty directory; it must end with one line and leave the directory as it was."""
    monkeypatch.chdir(tmp_path)

    def refused(command, *arguments, code=2):
        before = sorted(tmp_path.rglob("*"))
        capsys.readouterr()
        assert status(command, *arguments) == code
        error = capsys.readouterr().err
        assert error.startswith("error: ") and error.count("\n") == 1 and error.endswith("\n")
        assert sorted(tmp_path.rglob("*")) == before
        return error

    return refused


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A whole run of two epochs of two rounds."""
    directory = tmp_path_factory.mktemp("runs") / "tiny"
    assert status(train, *TINY, "--workdir", directory) == 0
    return directory


def contents(directory):
    return {path.relative_to(directory): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def rows(directory):
    """The metrics without wall-clock figures."""
    return [
        {key: value for key, value in row.items() if not key.endswith(("seconds", "per_second"))}
        for row in metrics.read(directory / "metrics.jsonl")
    ]


def assert_same_result(one, other):
    assert rows(one) == rows(other)
    first, second = saved_run.read(one), saved_run.read(other)
    assert first.progress.round == second.progress.round
    for a, b in zip(
        *(jax.tree.leaves((saved.progress.state, saved.progress.best)) for saved in (first, second)), strict=True
    ):
        np.testing.assert_array_equal(a, b, strict=True)


# Training: usage.


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "--config FILE[:VARIANT] is missing"),
        (("--config", "nowhere.py"), "nowhere.py"),
        (("--config", "nobody:digits"), "akd, dfad"),
        (("--config", f"{ROOT / 'configs' / 'akd.py'}:nope"), "akd.py:nope: no such variant; give one of /"),
        (("--config", "dfad:nope"), "dfad:nope: no such variant; give one of dfad, dfad:cifar10, dfad:resnet20\n"),
        ((*DIGITS, "--config.batch_sise=3"), "did you mean batch_size?"),
        ((*DIGITS, "--config.schedule.epoch=3"), "did you mean schedule.epochs?"),
        ((*DIGITS, "--config.bogus=3"), "error: bogus: no such setting"),
        ((*DIGITS, "--config.batch_size.x=3"), "error: batch_size.x: no such setting"),
        ((*DIGITS, "--workdir=/proc/run"), "/proc is not a directory that can be written to"),
        ((*DIGITS, "--config.batch_size=many"), "--config.batch_size=many"),
        ((*DIGITS, "--config.batch_size=1"), "batch_size=1: must be at least 2"),
        ((*DIGITS, "--config.student_optimizer.learning_rate=nan"), "student_optimizer.learning_rate=nan: must be"),
        ((*DIGITS, "--config.students=nobody"), "give one of"),
        ((*DIGITS, "--config.evaluation.data=mnist"), "cifar10, cifar100, digits"),
        ((*DIGITS, "--config.evaluation.splits=exam"), "train, validation, test"),
        ((*DIGITS, "--config.image_size=32"), "wanted (32, 32, 1)"),
        ((*DIGITS, "--config.teacher.path=nowhere.pth"), "convert_teacher.py"),
        ((*DIGITS, "--config.teacher.arch=resnet10_8x_w8"), "layer1.1.conv1.weight"),
        (
            (*DIGITS, "--config.student_weights=nowhere.pth"),
            "student_weights for resnet10_8x_w8: nothing at nowhere.pth",
        ),
        ((*DIGITS, f"--config.student_weights={CHECKPOINT}"), "layer1.1.conv1.weight"),
        ((*DIGITS, "--config.student_weights=('', '', 'a.pth')"), "no more paths than there are students"),
        ((*DIGITS, "--config.schedule.students=both"), "alternating or joint"),
        ((*DIGITS, "--config.schedule.patience=3", "--config.evaluation.data="), "schedule.patience=3"),
        ((*DIGITS, "extra"), "'extra' is not a flag"),
        ((*DIGITS, "--workdirr=x"), "workdirr"),
        ((*DIGITS, "--workdir"), "workdir"),
    ],
)
def test_training_refuses(refused, arguments, says):
    assert says in refused(train, *arguments)


@pytest.mark.parametrize(
    "setting", ["seed=3", "method=akd", "samples=4", "adversarial.other_player=batch", "dtype=bfloat16"]
)
def test_every_setting_can_be_given(refused, setting):
    """Beside another that is refused, so that nothing starts."""
    assert "batch_size=1" in refused(train, *DIGITS, f"--config.{setting}", "--config.batch_size=1")


def test_training_refuses_a_web_page_for_a_teacher(refused, tmp_path):
    (tmp_path / "teacher.pth").write_text("<!DOCTYPE html><html></html>")
    assert "web page" in refused(train, *DIGITS, "--config.teacher.path=teacher.pth")


def test_training_refuses_a_file_for_a_workdir(refused, tmp_path):
    (tmp_path / "file").write_text("")
    assert "--workdir file/run" in refused(train, *DIGITS, "--workdir", "file/run")


def test_training_refuses_an_unknown_variant_of_a_config_without_a_table(refused, tmp_path):
    (tmp_path / "mine.py").write_text("def get_config(variant):\n  return {'small': 1}[variant]\n")
    assert "mine.py cannot be used (KeyError: 'large')" in refused(train, "--config", "mine.py:large")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def get_config(:", "SyntaxError: invalid syntax"),
        ("import nobodys_library", "No module named 'nobodys_library'"),
        ("name = 'mine'", "a function get_config(variant)"),
        ("def get_config():\n  return 3", "no ConfigDict but a int"),
        ("raise ValueError('too bad')", "(ValueError: too bad)"),
        (
            "from akd_jax.config_dict import complete\ndef get_config():\n  complete({'name': 'x'})",
            ": teacher: missing",
        ),
    ],
)
def test_training_refuses_a_config_file_that_gives_no_config(refused, tmp_path, text, says):
    (tmp_path / "broken.py").write_text(text)
    error = refused(train, "--config", "broken.py")
    assert says in error and len(error) < 300


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        (train, "--dry_run"),
        (convert_teacher, "--num_classes"),
        (prepare_data, "--trust"),
        (sample, "--untrained"),
        (evaluate, "--best"),
        (export_student, "--fold_batch_norm"),
    ],
)
def test_help(capsys, command, flag):
    assert status(command, "--help") == 0
    assert flag in capsys.readouterr().out


@pytest.mark.parametrize("script", ["train", "convert_teacher", "evaluate", "export_student", "prepare_data", "sample"])
def test_scripts(script, tmp_path):
    """Each file in scripts/ is its command, also for what it writes to the real stderr."""
    command = [sys.executable, ROOT / "scripts" / f"{script}.py", "--nope"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: ") and ended.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


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


# Training: a run.


def test_files_of_a_run(run):
    config = json.loads((run / "config.json").read_text())
    assert (config["name"], config["batch_size"], config["schedule"]["epochs"]) == ("akd:digits", 8, 2)
    with Image.open(run / "curves.png") as curves:
        assert curves.width > 500
    with Image.open(run / "samples" / "round_000004.png") as samples:
        assert samples.size == (2 * (8 * 16 + 7 * 2),) * 2  # 8x8 images, borders between, each pixel doubled
    assert {path.name for path in run.iterdir()} == {
        "config.json", "metrics.jsonl", "history.csv", "checkpoints", "samples", "curves.png", "summary.json",
        "teacher.json",
    }  # fmt: skip


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
    assert summary["teacher"]["top1"]["test"] > 0.985
    assert summary["versions"].keys() == {"akd_jax", "jax", "python"}
    assert summary["students"].keys() == {STUDENT}
    student = summary["students"][STUDENT]
    assert student["share_of_teacher"] == pytest.approx(student["parameters"] / 176_258, abs=1e-4)
    found = metrics.read(run / "metrics.jsonl")
    validation = {row["round"]: row["top1"] for row in found if row.get("split") == "validation"}
    assert student["last"]["validation"]["top1"] == validation[4]
    assert student["best"]["validation"]["top1"] == max(validation.values())
    assert validation[student["best"]["validation"]["round"]] == max(validation.values())
    assert {"top1", "round"} <= student["best"]["test"].keys()


def test_a_finished_run_stays_as_it_is(run, capsys):
    before = contents(run)
    assert status(train, *TINY, "--workdir", run) == 0
    assert "finished 4 rounds" in capsys.readouterr().out
    assert contents(run) == before


def test_other_settings_are_refused(refused, run):
    before = contents(run)
    error = refused(train, *TINY, "--config.schedule.epochs=3", "--workdir", run)
    assert "schedule.epochs 2 -> 3" in error and "--force" in error
    assert contents(run) == before


def test_other_networks_are_refused_also_by_force(run, tmp_path, capsys):
    """And the run is as before, so that it can go on with its own."""
    shutil.copytree(run, tmp_path / "run")
    assert status(train, *TINY, "--config.generator.width=8", "--force", "--workdir", tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert "other networks" in error and error.count("\n") == 1
    assert contents(tmp_path / "run") == contents(run)


def test_interrupted_and_resumed_is_uninterrupted(run, tmp_path, monkeypatch, capsys):
    """Stopped in the second epoch, with rows on disk that no checkpoint knows."""
    append = metrics.append

    def interrupted(path, rows):
        rows = list(rows)
        append(path, rows)
        if rows[0]["round"] == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(metrics, "append", interrupted)
        assert status(train, *TINY, "--workdir", tmp_path) == 130
    assert "goes on" in capsys.readouterr().err
    assert rows(tmp_path)[-1]["round"] == 3
    assert not json.loads((tmp_path / "summary.json").read_text())["finished"]
    assert status(train, *TINY, "--workdir", tmp_path) == 0
    assert "resuming from round 2" in capsys.readouterr().out
    assert_same_result(run, tmp_path)


def test_students_that_learn_jointly(tmp_path):
    students = "--config.students=('resnet10_8x_w4', 'resnet10_8x_w8')"
    flags = (students, "--config.schedule.students=joint", "--config.schedule.epochs=1")
    assert status(train, *GAME, *flags, "--workdir", tmp_path) == 0
    training = [row for row in metrics.read(tmp_path / "metrics.jsonl") if row["kind"] == "train"]
    assert [(row["round"], row["student"]) for row in training] == [
        (1, "resnet10_8x_w4"), (1, "resnet10_8x_w8"), (2, "resnet10_8x_w4"), (2, "resnet10_8x_w8"),
    ]  # fmt: skip
    assert training[0]["generator_loss"] == training[1]["generator_loss"]
    assert training[0]["student_loss"] != training[1]["student_loss"]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["teacher_queries"] == 2 * (1 + 1) * 8
    assert all("test" in student["last"] for student in summary["students"].values())


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


def test_a_run_with_patience_goes_on_with_other_data_or_none(tmp_path, monkeypatch):
    command = (*TINY, "--config.schedule.patience=1", "--config.student_optimizer.learning_rate=0.0")
    assert status(train, *command, "--workdir", tmp_path / "one") == 0
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    assert status(train, *command, "--config.evaluation.splits=test", "--workdir", tmp_path / "one") == 0

    def missing(*_, **__):
        raise DataMissing("they are gone")

    monkeypatch.setattr(data, "load_splits", missing)
    assert status(train, *command, "--workdir", tmp_path / "other") == 0


def test_a_student_begins_with_given_weights(tmp_path):
    flags = ("--config.students=resnet18_8x_w8", f"--config.student_weights={CHECKPOINT}", "--config.schedule.epochs=0")
    assert status(train, *GAME, *flags, "--workdir", tmp_path) == 0
    student = json.loads((tmp_path / "summary.json").read_text())["students"]["resnet18_8x_w8"]
    assert student["last"]["test"]["agreement"] == 1


def test_a_student_begins_with_given_weights_also_after_a_kill_in_the_first_save(tmp_path):
    (tmp_path / "checkpoints" / "0.orbax-checkpoint-tmp").mkdir(parents=True)
    test_a_student_begins_with_given_weights(tmp_path)


def test_tensorboard_shows_the_rows_of_an_interrupted_run_once(tmp_path, monkeypatch):
    pytest.importorskip("tensorboardX")
    from event_files import shown

    append = metrics.append

    def interrupted(path, rows):
        rows = list(rows)
        append(path, rows)
        if rows[0]["round"] == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(metrics, "append", interrupted)
        assert status(train, *TINY, "--config.tensorboard=true", "--workdir", tmp_path) == 130
    assert status(train, *TINY, "--config.tensorboard=true", "--workdir", tmp_path) == 0
    wanted = {
        ("/".join([row["kind"], row["student"], *([row["split"]] if "split" in row else []), key]), row["round"]): value
        for row in metrics.read(tmp_path / "metrics.jsonl")
        for key, value in row.items()
        if key in ("student_loss", "generator_loss", "top1", "top5", "loss", "agreement", "ece")
    }
    found = {place: value for place, value in shown(tmp_path).items() if not place[0].endswith("seconds")}
    assert found == pytest.approx(wanted)


def test_without_data_students_are_trained_and_not_measured(tmp_path, monkeypatch, capsys):
    def missing(*_, **__):
        raise DataMissing("cifar100 is nowhere: put it there")

    monkeypatch.setattr(data, "load_splits", missing)
    assert status(train, *TINY, "--config.schedule.epochs=1", "--workdir", tmp_path) == 0
    assert "warning: nobody will know how good the students are: cifar100 is nowhere" in capsys.readouterr().out
    assert {row["kind"] for row in metrics.read(tmp_path / "metrics.jsonl")} == {"train"}
    assert json.loads((tmp_path / "summary.json").read_text())["finished"]
    monkeypatch.undo()
    assert status(evaluate, "--workdir", tmp_path, "--data", "digits", "--best") == 2
    assert "no student has a best" in capsys.readouterr().err


def test_not_finite(tmp_path, capsys):
    flags = ("--config.student_optimizer.learning_rate=1e30", "--config.evaluation.data=")
    code = status(train, *TINY, *flags, "--workdir", tmp_path / "run")
    error = capsys.readouterr().err
    assert code == 3
    assert error.startswith("error: ") and error.count("\n") == 1
    assert "lower the learning rates" in error and "round" in error


# Sampling.


def test_sampled_images(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, tmp_path / "runs" / "mine")
    assert status(sample, "--num", 3) == 0  # of the newest run, into its own directory
    assert "after 4 rounds" in capsys.readouterr().out
    drawn = tmp_path / "runs" / "mine" / "samples" / "drawn"
    files = sorted(path.name for path in drawn.iterdir())
    assert files == ["grid.png", "image_000.png", "image_001.png", "image_002.png"]
    with Image.open(drawn / "image_002.png") as image:
        assert image.size == (16, 16)
    with Image.open(drawn / "grid.png") as grid:
        assert grid.size == (34, 34)
    grids = [(drawn / "grid.png").read_bytes()]
    for name, flags in {"again": (), "other": ("--seed", 1), "untrained": ("--untrained",)}.items():
        assert status(sample, "--workdir", run, "--num", 3, "--out", name, *flags) == 0
        grids.append((tmp_path / name / "grid.png").read_bytes())
    assert grids[0] == grids[1]
    assert len(set(grids)) == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "train one first"),
        (("--workdir", "nowhere"), "nowhere"),
        (("--num", "0"), "at least 1"),
        (("--num", "many"), "--num"),
        (("--seed", "-1"), "--seed -1"),
        (("--nope",), "--nope"),
    ],
)
def test_sampling_refuses(refused, arguments, says):
    assert says in refused(sample, *arguments)


def test_sampling_refuses_a_run_without_a_checkpoint(refused, run, tmp_path):
    (tmp_path / "run").mkdir()
    for name in ("config.json", "teacher.json"):
        shutil.copy(run / name, tmp_path / "run")
    assert "no checkpoint yet" in refused(sample, "--workdir", "run")


def test_sampling_refuses_a_file_for_a_directory(refused, run, tmp_path):
    (tmp_path / "file").write_text("")
    assert "--out file" in refused(sample, "--workdir", run, "--out", "file")


# Evaluating.


def test_evaluated_students(run, tmp_path, capsys):
    out = tmp_path / "figures.json"
    summary = json.loads((run / "summary.json").read_text())["students"][STUDENT]
    for flags, saved in (((), "last"), (("--best",), "best")):
        assert status(evaluate, "--workdir", run, "--split", "validation", "--json", out, *flags) == 0
        found = json.loads(out.read_text())
        (network,) = found["networks"]
        assert found["schema"] == 1 and (network["data"], network["split"]) == ("digits", "validation")
        for key in ("top1", "top5", "loss", "agreement", "ece"):
            assert network[key] == pytest.approx(summary[saved]["validation"][key], abs=2e-6)
        assert network["images"] == sum(row["images"] for row in network["classes"]) == 397
        right = sum(row["images"] * row["top1"] for row in network["classes"])
        assert right == pytest.approx(397 * network["top1"], abs=1e-2)
        assert 0 <= network["top1"] <= network["top5"] <= 1 and 0 <= network["ece"] <= 1
    printed = capsys.readouterr().out
    assert f"{100 * network['top1']:.2f} %" in printed and "at its best" in printed


def test_evaluated_without_the_runs_teacher(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    config["teacher"]["path"] = "gone.pth"
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    assert status(evaluate, "--workdir", tmp_path / "run", "--json", tmp_path / "figures.json") == 0
    (network,) = json.loads((tmp_path / "figures.json").read_text())["networks"]
    assert network["agreement"] is None and network["images"] == 400


def test_evaluated_teacher(tmp_path, capsys):
    assert status(convert_teacher, *W8, "--data", "digits", "--out", tmp_path / "teacher") == 0
    flags = ("--teacher", tmp_path / "teacher", "--data", "digits", "--json", tmp_path / "figures.json")
    assert status(evaluate, *flags) == 0
    (network,) = json.loads((tmp_path / "figures.json").read_text())["networks"]
    assert network["top1"] > 0.985 and network["agreement"] == 1


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


def test_evaluating_refuses_a_run_without_its_teachers_record(refused, run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "teacher.json").unlink()
    assert "run is a damaged run: it has no teacher.json" in refused(evaluate, "--workdir", "run")


# Exporting.


@pytest.mark.parametrize(
    ("format", "library", "flags"),
    [
        ("pytorch", "torch", ()),
        ("pytorch", "torch", ("--fold_batch_norm", "--best", "--layout", "torchvision")),
        ("safetensors", "safetensors", ("--fold_batch_norm",)),
        ("stablehlo", "flatbuffers", ("--pixels",)),
        ("onnx", "onnxruntime", ()),
        ("onnx", "onnxruntime", ("--fold_batch_norm", "--pixels")),
    ],
)
def test_exported_student(run, tmp_path, capsys, format, library, flags):
    pytest.importorskip(library)
    out = tmp_path / "deep" / "student"
    assert status(export_student, "--workdir", run, "--format", format, "--out", out, *flags) == 0
    printed = capsys.readouterr().out
    assert f"{STUDENT}, student: 19,830 parameters" in printed and f"written: {out}" in printed
    assert "verified: " in printed and "not verified" not in printed and "32 images of digits test" in printed
    assert ("pixels uint8 [batch, 16, 16, 1]" if "--pixels" in flags else "mean [0.305276]") in printed
    before = contents(tmp_path)
    assert len(before) == (3 if format == "safetensors" else 1)
    assert status(export_student, "--workdir", run, "--format", format, "--out", out, *flags) == 2
    assert "--overwrite" in capsys.readouterr().err and contents(tmp_path) == before
    assert status(export_student, "--workdir", run, "--format", format, "--out", out, *flags, "--overwrite") == 0
    assert contents(tmp_path) == before


def test_an_exported_card_says_what_summary_says(run, tmp_path):
    pytest.importorskip("safetensors")
    out = tmp_path / "student"
    assert status(export_student, "--workdir", run, "--format", "safetensors", "--best", "--out", out) == 0
    facts = json.loads((out / "config.json").read_text())
    best = json.loads((run / "summary.json").read_text())["students"][STUDENT]["best"]
    assert facts["top1"] == {f"digits {split}": figures["top1"] for split, figures in best.items()}
    assert (facts["architecture"], facts["rounds"], facts["layout"]) == (STUDENT, best["test"]["round"], "cifar")


@pytest.mark.parametrize("format", ["pytorch", "onnx", "stablehlo"])
def test_exported_generator(run, tmp_path, capsys, format):
    pytest.importorskip({"pytorch": "torch", "onnx": "onnxruntime", "stablehlo": "flatbuffers"}[format])
    assert status(export_student, "--workdir", run, "--generator", "--format", format, "--out", tmp_path / "file") == 0
    printed = capsys.readouterr().out
    assert "on 32 latents" in printed and "latents float32 [batch, 64], normal -> images float32 [batch, " in printed


def test_exported_teacher(tmp_path, capsys):
    """And converted again: the same arrays."""
    pytest.importorskip("torch")
    assert status(convert_teacher, *W8, "--data", "digits", "--out", tmp_path / "teacher") == 0
    flags = ("--teacher", tmp_path / "teacher", "--out", tmp_path / "out.pth", "--format", "pytorch")
    assert status(export_student, *flags, "--data", "digits") == 0
    assert "resnet18_8x_w8, teacher: 176,258 parameters" in capsys.readouterr().out
    again = (tmp_path / "out.pth", "--arch", "resnet18_8x_w8", "--data", "digits", "--out", tmp_path / "again")
    assert status(convert_teacher, *again) == 0
    digests = [json.loads((tmp_path / n / "teacher.json").read_text())["digest"] for n in ("teacher", "again")]
    assert digests[0] == digests[1]
    capsys.readouterr()
    assert status(export_student, *flags, "--image_size", "16", "--overwrite") == 0
    assert "32 images of noise" in capsys.readouterr().out


def test_an_export_without_the_runs_data_is_compared_on_generated_images(run, tmp_path, monkeypatch, capsys):
    pytest.importorskip("safetensors")
    monkeypatch.setattr(data, "load_splits", lambda *_, **__: (_ for _ in ()).throw(DataMissing("gone")))
    assert status(export_student, "--workdir", run, "--format", "safetensors", "--out", tmp_path / "a.safetensors") == 0
    assert "32 generated images" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_an_export_that_its_runtime_reads_otherwise_is_not_written(refused, run, monkeypatch):
    pytest.importorskip("safetensors")
    from akd_jax.export import formats

    monkeypatch.setattr(formats, "TOLERANCE", -1.0)
    error = refused(export_student, "--workdir", run, "--format", "safetensors", "--out", "out", code=1)
    assert "reads something else" in error and "nothing written" in error


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "--format"),
        (("--format", "tflite"), "onnx"),
        (("--format", "onnx"), "train one first"),
        (("--format", "pytorch", "--workdir", "nowhere"), "nowhere is no run"),
        (("--format", "pytorch", "--teacher", "nowhere"), "nowhere is not there"),
        (("--format", "onnx", "--teacher", "nowhere", "--best"), "one or the other"),
        (("--format", "onnx", "--generator", "--student", STUDENT), "--generator goes without"),
        (("--format", "onnx", "--layout", "cifar"), "--layout: onnx has no PyTorch names"),
        (("--format", "pytorch", "--pixels"), "--pixels: pytorch holds weights alone"),
        (("--format", "onnx", "--image_size", "32"), "--image_size goes with --teacher"),
        (("--format", "onnx", "--out", "."), "is a directory"),
        (("--format", "safetensors", "--out", "."), "is no exported model"),
        (("--format", "safetensors", "--out", "file"), "is no exported model"),
        (("--format", "onnx", "--out", "file"), "--overwrite"),
        (("--format", "onnx", "--out", "file/out"), "--out"),
        (("--format", "onnx", "--nope"), "--nope"),
    ],
)
def test_exporting_refuses(refused, tmp_path, arguments, says):
    (tmp_path / "file").write_text("")
    assert says in refused(export_student, "--out", "out", *arguments)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--student", "nobody"), STUDENT),
        (("--layout", "repdistiller"), "names in torchvision, cifar"),
        (("--data", "nowhere.npz"), "nowhere.npz"),
    ],
)
def test_exporting_a_run_refuses(refused, run, arguments, says):
    assert says in refused(export_student, "--workdir", run, "--format", "pytorch", "--out", "out", *arguments)


# Converting.

W8 = (CHECKPOINT, "--arch", "resnet18_8x_w8")


def test_converted_teacher(tmp_path, capsys):
    out = tmp_path / "deep" / "teacher"
    assert status(convert_teacher, *W8, "--data", "digits", "--out", out) == 0
    printed = capsys.readouterr().out
    assert "176,258 parameters" in printed and "top-1 on digits test, 400 images: 9" in printed
    info = json.loads((out / "teacher.json").read_text())
    assert info["arch"] == "resnet18_8x_w8" and info["mean"] == [0.305276] and info["top1"]["digits"] > 0.985
    before = contents(out)
    assert status(convert_teacher, *W8, "--data", "digits", "--out", out) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert contents(out) == before
    assert status(convert_teacher, *W8, "--mean", "0.3", "--std", "0.3", "--out", out, "--overwrite") == 0
    assert json.loads((out / "teacher.json").read_text())["mean"] == [0.3]


def test_converting_says_what_it_found(tmp_path, capsys):
    torch = pytest.importorskip("torch", reason="torch is a test dependency on Python 3.11 only")
    weights = {name: torch.tensor(value) for name, value in read_checkpoint(CHECKPOINT).items()}
    torch.save({"net": weights}, tmp_path / "mine.pth")
    flags = ("--mean", "0.9", "--std", "0.05", "--data", "digits", "--verify", "--out", tmp_path / "teacher")
    assert status(convert_teacher, tmp_path / "mine.pth", *flags) == 0
    printed = capsys.readouterr().out
    for says in (
        "read: the state dict under net\n",
        "resnet18_8x_w8, layout torchvision: 4 stages of 2 blocks, widths 8, 16, 32, 64, 3x3 stem, 3 shortcut conv",
        "logits of 64 test images: PyTorch's differ by at most",
        "another normalisation, digits's, fits better: loss 0.",
    ):
        assert says in printed


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "no checkpoint file at teacher/best_resnet34_cifar100.pth"),
        (("nowhere.pth",), "no checkpoint file at nowhere.pth"),
        ((*W8,), "1 channels"),
        ((CHECKPOINT, "--arch", "resnet10_8x_w8", "--data", "digits"), "layer1.1.conv1.weight"),
        ((CHECKPOINT, "--arch", "nobody", "--data", "digits"), "resnet18_8x_w8"),
        ((*W8, "--data", "mnist", "--mean", "0.3", "--std", "0.3"), "mnist"),
        ((*W8, "--data", "digits", "--key", "ema"), "'ema'"),
        ((*W8, "--data", "digits", "--num_classes", "-3"), "not a whole number, at least 1"),
        ((*W8, "--data", "digits", "--num_classes", "7"), "fc.weight"),
        ((*W8, "--mean", "0.3", "--std", "0"), "std=(0.0,)"),
        ((*W8, "--mean", "77", "--std", "0.3"), "divided by 255"),
        ((*W8, "--mean", "0.3"), "--mean and --std go together"),
        ((*W8, "--mean", "0.3", "--std", "nan"), "std=(nan,)"),
        ((*W8, "--mean", "0.3,x", "--std", "0.3"), "--mean"),
    ],
)
def test_converting_refuses(refused, arguments, says):
    assert says in refused(convert_teacher, *arguments, *(("--out", "teacher") if arguments else ()))


def test_converting_refuses_a_web_page(refused, tmp_path):
    (tmp_path / "page.pth").write_text("<html></html>")
    assert "web page" in refused(convert_teacher, "page.pth")


def test_converting_refuses_a_file_for_a_directory(refused, tmp_path):
    (tmp_path / "file").write_text("")
    assert "--out" in refused(convert_teacher, *W8, "--data", "digits", "--out", "file/teacher")
