"""A run's directory: names, refusals, whole files."""

import json
import os
import re

import pytest

from akd_jax import workdir
from akd_jax.errors import InputError

OLD = {
    "name": "a", "seed": 0, "samples": 4, "teacher": {"path": "x", "arch": "r"},
    "schedule": {"epochs": 2, "rounds_per_dispatch": 5}, "evaluation": {"data": "digits", "splits": ["test"]},
}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    workdir.write_json(tmp_path / workdir.CONFIG, OLD)
    return tmp_path


def test_default_name():
    assert re.fullmatch(r"runs/akd_digits_\d{8}_\d{6}", workdir.default("akd:digits").as_posix())


def test_newest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="train one first"):
        workdir.newest()
    for age, name in enumerate(("b", "c", "a")):
        (tmp_path / "runs" / name).mkdir(parents=True)
        workdir.write_json(tmp_path / "runs" / name / workdir.CONFIG, {})
        os.utime(tmp_path / "runs" / name / workdir.CONFIG, (1000 - age, 1000 - age))
    (tmp_path / "runs" / "no_run").mkdir()
    assert workdir.newest().name == "b"


def test_new_directory_is_not_made(tmp_path):
    workdir.check(tmp_path / "deep" / "run", OLD, force=False)
    assert not list(tmp_path.iterdir())


def test_the_same_settings_go_on(run):
    workdir.check(run, OLD, force=False)


def test_other_settings_are_named_with_both_values(run):
    new = OLD | {"seed": 1, "schedule": {"epochs": 9, "rounds_per_dispatch": 5}}
    with pytest.raises(InputError, match=r"schedule\.epochs 2 -> 9, seed 0 -> 1.*--force"):
        workdir.check(run, new, force=False)
    workdir.check(run, new, force=True)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "b"},
        {"samples": 9},
        {"sample_every_epochs": 3},
        {"teacher": {"path": "y", "arch": "r"}},
        {"schedule": {"epochs": 2, "rounds_per_dispatch": 1}},
        {"evaluation": {"data": "", "splits": ["test", "train"]}},
    ],
)
def test_settings_that_leave_the_numbers_alone_may_change(run, change):
    workdir.check(run, OLD | change, force=False)


def test_a_teacher_of_another_kind_is_refused(run):
    with pytest.raises(InputError, match=r"teacher\.arch 'r' -> 'q'"):
        workdir.check(run, OLD | {"teacher": {"path": "x", "arch": "q"}}, force=False)


@pytest.mark.parametrize("below", ["", "run", "deep/run"])
def test_a_file_in_the_way(tmp_path, below):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"--workdir .*file is not a directory"):
        workdir.check(tmp_path / "file" / below, OLD, force=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written_to(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="written to"):
        workdir.check(tmp_path / "run", OLD, force=True)


def test_broken_settings_file(run):
    (run / workdir.CONFIG).write_text('{"name":')
    with pytest.raises(InputError, match=r"config\.json cannot be read"):
        workdir.check(run, OLD, force=False)


def test_what_is_not_json_leaves_the_old_file(tmp_path):
    path = tmp_path / "summary.json"
    workdir.write_json(path, {"a": 1})
    with pytest.raises(ValueError):
        workdir.write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}


def test_a_kill_before_the_end_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "summary.json"
    workdir.write_json(path, {"a": 1})
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        workdir.write_json(path, {"a": 2})
    assert workdir.read_json(path) == {"a": 1}
