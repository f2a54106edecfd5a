"""A run's directory: names, refusals, whole files."""

import os
import re

import pytest

from akd_jax import files, workdir
from akd_jax.config_dict import from_dict
from akd_jax.errors import InputError

OLD = {
    "name": "a", "seed": 0, "samples": 4, "students": ["s"],
    "teacher": {"path": "x", "arch": "r", "mean": [0.5], "std": [0.2]},
    "student_optimizer": {"learning_rate": 0.1}, "generator_optimizer": {"learning_rate": 0.1},
    "schedule": {"epochs": 2, "rounds_per_dispatch": 5}, "evaluation": {"data": "digits", "splits": ["test"]},
}  # fmt: skip
DIGEST = "sha256:0"


def check(directory, settings=OLD, digest=DIGEST, force=False):
    workdir.check(directory, from_dict(settings), digest, force=force)


@pytest.fixture
def run(tmp_path):
    """A run that was begun when there were fewer settings."""
    files.write_json(tmp_path / workdir.CONFIG, OLD)
    files.write_json(tmp_path / workdir.TEACHER, {"digest": DIGEST})
    return tmp_path


def test_default_name():
    assert re.fullmatch(r"runs/akd_digits_\d{8}_\d{6}", workdir.default("akd:digits").as_posix())


def test_newest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="train one first"):
        workdir.newest()
    for age, name in enumerate(("b", "c", "a")):
        (tmp_path / "runs" / name).mkdir(parents=True)
        files.write_json(tmp_path / "runs" / name / workdir.CONFIG, {})
        os.utime(tmp_path / "runs" / name / workdir.CONFIG, (1000 - age, 1000 - age))
    (tmp_path / "runs" / "no_run").mkdir()
    assert workdir.newest().name == "b"


def test_new_directory_is_not_made(tmp_path):
    check(tmp_path / "deep" / "run")
    assert not list(tmp_path.iterdir())


def test_the_same_settings_go_on(run):
    check(run)


def test_other_settings_are_named_with_both_values(run):
    new = OLD | {"seed": 1, "schedule": {"epochs": 9, "rounds_per_dispatch": 5}}
    with pytest.raises(InputError, match=r"schedule\.epochs 2 -> 9, seed 0 -> 1.*--force"):
        check(run, new)
    check(run, new, force=True)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "b"},
        {"samples": 9},
        {"sample_every_epochs": 3},
        {"teacher": OLD["teacher"] | {"path": "y"}},
        {"schedule": {"epochs": 2, "rounds_per_dispatch": 1}},
        {"schedule": {"epochs": 2, "rounds_per_dispatch": 5, "save_minutes": 1.0, "max_skipped": 3}},
        {"collapse": {"stop": True}},
        {"debug_nans": True},
        {"evaluation": {"data": "", "splits": ["test", "train"]}},
    ],
)
def test_settings_that_leave_the_numbers_alone_may_change(run, change):
    check(run, OLD | change)


def test_a_teacher_of_another_kind_is_refused(run):
    with pytest.raises(InputError, match=r"teacher\.arch 'r' -> 'q'"):
        check(run, OLD | {"teacher": OLD["teacher"] | {"arch": "q"}})
    with pytest.raises(InputError, match=r"the teacher's digest 'sha256:0' -> 'sha256:1'"):
        check(run, digest="sha256:1")
    check(run, digest="sha256:1", force=True)


@pytest.mark.parametrize("below", ["", "run", "deep/run"])
def test_a_file_in_the_way(tmp_path, below):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"--workdir .*file is not a directory"):
        check(tmp_path / "file" / below, force=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written_to(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="written to"):
        check(tmp_path / "run", force=True)


def test_broken_settings_file(run):
    (run / workdir.CONFIG).write_text('{"name":')
    with pytest.raises(InputError, match=r"config\.json cannot be read"):
        check(run)


def test_a_directory_of_other_things_is_no_workdir(tmp_path):
    """A converted teacher, above all, whose record a run would overwrite."""
    (tmp_path / workdir.CHECKPOINTS).mkdir()
    check(tmp_path)  # as a run leaves it that was killed at once
    files.write_json(tmp_path / workdir.TEACHER, {"digest": DIGEST})
    with pytest.raises(InputError, match=r"is no run, and not empty \(teacher\.json"):
        check(tmp_path, force=True)
