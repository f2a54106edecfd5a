"""What the tests of the commands share."""

import shutil
from pathlib import Path

import pytest
from commands import TINY, status

from akd_jax import report
from akd_jax.cli import train


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


@pytest.fixture(scope="session")
def run(tmp_path_factory, quick_reports):
    """A whole run of two epochs of two rounds, with curves; whoever changes it takes a copy."""
    directory = tmp_path_factory.mktemp("runs") / "tiny"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "save_curves", quick_reports)
        assert status(train, *TINY, "--workdir", directory) == 0
    return directory


@pytest.fixture
def copy(run, tmp_path):
    """A run's directory that may be changed."""
    return Path(shutil.copytree(run, tmp_path / "copy"))
