"""Every command: its help, and the script that starts it."""

import os
import re
import signal
import subprocess
import sys

import jax
import pytest
from commands import ROOT, SMALL_GAME, TINY, W8, status

from akd_jax.cli import convert_teacher, evaluate, export_student, prepare_data, sample, train
from akd_jax.errors import OutOfMemoryError, StoppedError
from akd_jax.training import loop


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


def test_a_platform_that_is_not_there(refused, run, tmp_path, monkeypatch):
    """Is one line from every command that computes, before it writes."""

    def missing():
        raise RuntimeError("Unable to initialize backend 'cuda': no such device\nmore of it")

    monkeypatch.setattr(jax, "devices", missing)
    for command, *arguments in (
        (train, *TINY, "--workdir", "run"),
        (sample, "--workdir", run, "--out", "drawn"),
        (evaluate, "--workdir", run),
        (convert_teacher, *W8, "--out", "teacher"),
        (export_student, "--workdir", run, "--format", "safetensors", "--out", "exported"),
    ):
        assert "Unable to initialize backend 'cuda': no such device; install" in refused(command, *arguments)


def test_platforms(tmp_path):
    """One that is not there; tests/training/test_hosts.py tells JAX of one that is."""
    command = [sys.executable, ROOT / "scripts" / "train.py", *SMALL_GAME, "--dry_run", "--workdir", tmp_path / "run"]

    def on(platform):
        environment = os.environ | {"JAX_PLATFORMS": platform}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    for platform in ("tpu", "cuda"):  # the CPU never takes their place
        refused = on(platform)
        assert refused.returncode == 2
        assert re.fullmatch(rf"error: JAX_PLATFORMS={platform}: .*JAX_PLATFORMS=cpu\n", refused.stderr)
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("error", "code"), [
    (StoppedError("stopped", signal.SIGTERM), 143), (StoppedError("stopped", signal.SIGINT), 130),
    (OutOfMemoryError("out of memory"), 1),
])  # fmt: skip
def test_exit_statuses(error, code, monkeypatch, capsys):
    def failing(*_, **__):
        raise error

    monkeypatch.setattr(loop, "train", failing)
    assert status(train, *TINY) == code
    assert capsys.readouterr().err == f"error: {error}\n"


@pytest.mark.parametrize("error", [MemoryError("2 GiB"), RuntimeError("RESOURCE_EXHAUSTED: 2 GiB")])
def test_too_little_memory_is_one_line_whatever_takes_it(error, monkeypatch, capsys):
    def failing(*_, **__):
        raise error

    monkeypatch.setattr(loop, "train", failing)
    assert status(train, *TINY) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: out of memory (") and "2 GiB" in said and said.count("\n") == 1
