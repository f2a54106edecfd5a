"""Every command: its help, and the script that starts it."""

import subprocess
import sys

import jax
import pytest
from commands import ROOT, TINY, W8, status

from akd_jax.cli import convert_teacher, evaluate, export_student, prepare_data, sample, train


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
