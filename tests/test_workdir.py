"""A run's directory: names, refusals, whole files."""

import contextlib
import errno
import fcntl
import itertools
import os
import re
import subprocess
import sys

import pytest
from flax import traverse_util

from akd_jax import files, workdir
from akd_jax.config_dict import from_dict, to_dict
from akd_jax.errors import InputError
from akd_jax.families import FAMILIES
from akd_jax.methods import METHODS

OLD = {
    "name": "a", "seed": 0, "samples": 4, "students": ["s"],
    "teacher": {"path": "x", "arch": "r", "mean": [0.5], "std": [0.2]},
    "student_optimizer": {"learning_rate": 0.1}, "generator_optimizer": {"learning_rate": 0.1},
    "schedule": {"epochs": 2, "rounds_per_dispatch": 5}, "evaluation": {"data": "digits", "splits": ["test"]},
}  # fmt: skip
DIGEST = "sha256:0"
HOLDER = """
import sys, time
from pathlib import Path
from akd_jax import workdir

with workdir.locked(Path(sys.argv[1])):
    print(flush=True)
    time.sleep(60)
"""


def check(directory, settings=OLD, digest=DIGEST, force=False):
    workdir.check(directory, from_dict(settings), {workdir.TEACHER: digest}, force=force)


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
    new = OLD | {"seed": 1, "schedule": {"epochs": 2, "rounds_per_epoch": 7}}
    with pytest.raises(InputError, match=r"schedule\.rounds_per_epoch 100 -> 7, seed 0 -> 1.*--force"):
        check(run, new)
    check(run, new, force=True)


def test_epochs_may_be_raised_where_no_rate_depends_on_them(run):
    check(run, OLD | {"schedule": {"epochs": 9}})
    with pytest.raises(InputError, match=r"schedule\.epochs 2 -> 1; schedule\.epochs may be raised where both"):
        check(run, OLD | {"schedule": {"epochs": 1}})


@pytest.mark.parametrize("optimizer", ["student_optimizer", "generator_optimizer"])
@pytest.mark.parametrize(
    "rate", [{"schedule": "cosine"}, {"schedule": "multistep", "milestones": [0.5]}, {"warmup": 0.1}]
)
def test_epochs_may_not_be_raised_where_a_rate_depends_on_them(run, optimizer, rate):
    old = OLD | {optimizer: {"learning_rate": 0.1} | rate}
    files.write_json(run / workdir.CONFIG, old)
    new = old | {"schedule": {"epochs": 9}}
    with pytest.raises(InputError, match=r"schedule\.epochs 2 -> 9; schedule\.epochs may be raised where both"):
        check(run, new)
    check(run, new, force=True)


BANKS = [name for name in METHODS if FAMILIES[METHODS[name]].keeps]


SHARES = {}, {"adversarial_from": 0.1}, {"adversarial_ramp": 0.1}


@pytest.mark.parametrize(("method", "shares"), [*itertools.product(BANKS, SHARES), ("fast", {"reset_at": 0.5})])
def test_epochs_may_not_be_raised_where_a_synthesis_has_shares_of_the_run(run, method, shares):
    """What counts from some share of the run on would count later, in rounds that are played."""
    none = {"adversarial_from": 0.0} | ({"reset_at": 1.0} if method == "fast" else {})
    old = OLD | {"method": method, method: none | shares}
    files.write_json(run / workdir.CONFIG, old)
    refused = pytest.raises(InputError, match=r"schedule\.epochs 2 -> 9; .* is a share of the run")
    with refused if shares else contextlib.nullcontext():
        check(run, old | {"schedule": {"epochs": 9}})


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
        {"mesh": {"data": 4}},
        {"evaluation": {"data": "digits", "splits": ["test", "train"], "every_epochs": 2, "data_dir": "/data"}},
    ],
)
def test_settings_that_leave_the_numbers_alone_may_change(run, change):
    check(run, OLD | change)


def test_no_other_settings_may_change(run, monkeypatch):
    """Of all there are; where rates are constant, epochs may be raised."""
    keys = traverse_util.flatten_dict(to_dict(from_dict(OLD)), sep=".")
    monkeypatch.setattr(workdir, "differences", lambda old, new: dict.fromkeys(keys, (1, 2)))
    with pytest.raises(InputError) as caught:
        check(run)
    free = keys.keys() - set(re.findall(r"([\w.]+) 1 -> 2", str(caught.value)))
    assert {key for key in free if not key.startswith(("collapse.", "mesh."))} == {
        "name", "teacher.path", "samples", "sample_every_epochs", "tensorboard", "debug_nans", "profile_dispatches",
        "schedule.epochs", "schedule.rounds_per_dispatch", "schedule.patience", "schedule.save_minutes",
        "schedule.max_skipped", "compilation.cache", "evaluation.data_dir", "evaluation.splits",
        "evaluation.final_splits", "evaluation.every_epochs", "evaluation.batch_size",
    }  # fmt: skip


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
    (tmp_path / workdir.LOCK).touch()
    check(tmp_path)  # as a run leaves it that was killed at once
    files.write_json(tmp_path / workdir.TEACHER, {"digest": DIGEST})
    with pytest.raises(InputError, match=r"is no run, and not empty \(teacher\.json"):
        check(tmp_path, force=True)


def test_one_process_at_a_time(tmp_path):
    with workdir.locked(tmp_path):
        for refused in (workdir.locked(tmp_path).__enter__, lambda: workdir.check_unused(tmp_path)):
            with pytest.raises(InputError, match=rf"locked by process {os.getpid()}, .* \(kill {os.getpid()}\)"):
                refused()
    workdir.check_unused(tmp_path)
    with workdir.locked(tmp_path):
        pass


def test_the_lock_of_a_killed_process_is_open(tmp_path):
    """And held as long as it lives."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE)
    holder.stdout.readline()
    with pytest.raises(InputError, match=f"locked by process {holder.pid}"):
        workdir.check_unused(tmp_path)
    holder.kill()
    holder.communicate()
    assert (tmp_path / workdir.LOCK).read_text() == f"{holder.pid}"
    workdir.check_unused(tmp_path)


def test_a_file_system_without_locks(tmp_path, monkeypatch, capsys):
    def refusing(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refusing)
    with workdir.locked(tmp_path):
        pass
    error = capsys.readouterr().err
    assert error.startswith("warning: ") and "cannot be locked (No locks available)" in error and error.count("\n") == 1


def test_an_unused_directory_is_left_as_it_is(tmp_path):
    workdir.check_unused(tmp_path / "new" / "run")
    workdir.check_unused(tmp_path)
    assert not list(tmp_path.iterdir())
