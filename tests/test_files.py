"""Files that are whole or not there."""

import hashlib
import json
import os
import subprocess
import sys

import pytest

from akd_jax import files


def test_what_is_not_json_leaves_the_old_file(tmp_path):
    path = tmp_path / "summary.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(ValueError):
        files.write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}


def test_a_kill_before_the_end_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "summary.json"
    files.write_json(path, {"a": 1})
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        files.write_json(path, {"a": 2})
    assert files.read_json(path) == {"a": 1}


def test_sha256(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 5000)
    assert files.sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_set_aside(tmp_path):
    for content in ("a", "b", "c"):
        (tmp_path / "5").write_text(content)
        files.set_aside(tmp_path / "5", tmp_path / "aside")
    assert {path.name: path.read_text() for path in (tmp_path / "aside").iterdir()} == {
        "5": "a",
        "5_2": "b",
        "5_3": "c",
    }
    assert not (tmp_path / "5").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_what_was_there_comes_back_where_the_new_cannot_take_its_place(tmp_path, monkeypatch, error):
    (tmp_path / "goal").mkdir()
    (tmp_path / "goal" / "old").write_text("")
    rename, calls = os.rename, []

    def refusing(*where):
        calls.append(where)
        if len(calls) == 2:
            raise error
        rename(*where)

    monkeypatch.setattr(os, "rename", refusing)
    with pytest.raises(error), files.new_directory(tmp_path / "goal"):
        pass
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["goal", "goal/old"]


REPLACING = """
import os, signal, sys
from pathlib import Path
from akd_jax import files

def rename(*where):
    moved(*where)
    os.kill(os.getpid(), signal.SIGKILL)

moved, os.rename = os.rename, rename
with files.new_directory(Path(sys.argv[1])) as new:
    (new / "whole").write_text("")
"""


def test_a_kill_between_the_old_and_the_new(tmp_path):
    """The old had given way."""
    goal = tmp_path / "goal"
    goal.mkdir()
    assert subprocess.run([sys.executable, "-c", REPLACING, goal], check=False).returncode == -9
    assert not goal.exists()
    files.tidy(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["goal", "goal/whole"]


FILLING = """
import sys, time
from pathlib import Path
from akd_jax import files

with files.new_directory(Path(sys.argv[1])) as new:
    (new / "half").write_text("")
    print(flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_was_filling_is_removed(tmp_path):
    """And not before it is dead."""
    goal, other = tmp_path / "goal", tmp_path / ".goal.own"
    other.mkdir()
    filling = subprocess.Popen([sys.executable, "-c", FILLING, goal], stdout=subprocess.PIPE)
    filling.stdout.readline()
    for alive in (True, False):
        if not alive:
            filling.kill()
            filling.communicate()
        with files.new_directory(goal) as new:
            (new / "whole").write_text("")
        assert len(list(tmp_path.iterdir())) == 2 + alive and other.is_dir()
        assert [path.name for path in goal.iterdir()] == ["whole"]
