"""akd-train misused: one line, status 2, and nothing left behind."""

import subprocess
import sys

import pytest
from commands import CHECKPOINT, DIGITS, ROOT

from akd_jax.cli import train
from akd_jax.training import dispatch

DFAD = "dfad, dfad:cifar10, dfad:resnet20, dfad:cifar100_resnet20, dfad:coarse16"


@pytest.fixture(autouse=True)
def nothing_is_compiled(monkeypatch):
    """A game of full size takes minutes to compile, and whoever misspelt a setting waits for them."""
    monkeypatch.setattr(dispatch, "compiled", lambda *_, **__: pytest.fail("the game is compiled first"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "--config FILE[:VARIANT] is missing"),
        (("--config", "nowhere.py"), "nowhere.py"),
        (("--config", "nobody:digits"), "akd, baseline, best, cmi, dafl, deepinversion, dfad"),
        (("--config", f"{ROOT / 'configs' / 'akd.py'}:nope"), "akd.py:nope: no such variant; give one of /"),
        (("--config", "dfad:nope"), f"dfad:nope: no such variant; give one of {DFAD}\n"),
        ((*DIGITS, "--config.batch_sise=3"), "did you mean batch_size?"),
        ((*DIGITS, "--config.schedule.epoch=3"), "did you mean schedule.epochs?"),
        ((*DIGITS, "--config.bogus=3"), "error: bogus: no such setting"),
        ((*DIGITS, "--config.batch_size.x=3"), "error: batch_size.x: no such setting"),
        ((*DIGITS, "--workdir=/proc/run"), "/proc is not a directory that can be written to"),
        ((*DIGITS, "--config.batch_size=many"), "--config.batch_size=many"),
        ((*DIGITS, "--config.batch_size=1"), "batch_size=1: must be at least 2"),
        ((*DIGITS, "--config.student_optimizer.learning_rate=nan"), "student_optimizer.learning_rate=nan: must be"),
        ((*DIGITS, "--config.students=nobody"), "give one of"),
        ((*DIGITS, "--config.evaluation.data=mnist"), "cifar10, cifar100, cifar100_coarse16, digits"),
        ((*DIGITS, "--config.evaluation.splits=exam"), "train, validation, test"),
        ((*DIGITS, "--config.image_size=32"), "wanted (32, 32, 1)"),
        ((*DIGITS, "--config.teacher.path=nowhere.pth"), "convert_teacher.py"),
        ((*DIGITS, "--config.teacher.arch=resnet10_8x_w8"), "layer1.1.conv1.weight"),
        ((*DIGITS, "--config.teacher.arch=nobody"), "teacher.arch) is unknown; give auto or one of"),
        (
            (*DIGITS, "--config.student_weights=nowhere.pth"),
            "student_weights for resnet10_8x_w8: nothing at nowhere.pth",
        ),
        ((*DIGITS, f"--config.student_weights={CHECKPOINT}"), "layer1.1.conv1.weight"),
        ((*DIGITS, "--config.student_weights=('', '', 'a.pth')"), "no more paths than there are students"),
        ((*DIGITS, "--config.inherit=true", "--config.students=resnet18_8x_w8"), "is the teacher's own network"),
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
    "arguments", [(), (*DIGITS, "--config.batchsize=3"), (*DIGITS, "--config.batch_size=abc"), ("--config", "no.py"),
                  (*DIGITS, "extra"), (*DIGITS, "--config.batch_size=0")]
)  # fmt: skip
def test_a_refusal_takes_less_than_three_seconds(tmp_path, arguments):
    """From the process's start."""
    command = [sys.executable, ROOT / "scripts" / "train.py", *arguments]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=3, check=False)
    assert ended.returncode == 2 and ended.stderr.startswith("error: ") and ended.stderr.count("\n") == 1
