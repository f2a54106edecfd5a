"""akd-train in a directory that holds a run: finished, interrupted, stopped early, or of other settings."""

import dataclasses
import json
import shutil
from contextlib import contextmanager

import jax
import numpy as np
import pytest
from commands import CONSTANT, TINY, contents, lose_data, status
from damage import DAMAGES
from outcomes import assert_same_result, rows, saved, summary
from tiny_models import ARCH, TEACHER

from akd_jax import digest, digits, metrics, saved_run, teacher_files, workdir
from akd_jax.checkpoint import Checkpoints
from akd_jax.cli import train
from akd_jax.convert.teacher import convert
from akd_jax.training import progress


@contextmanager
def interrupted(monkeypatch, *, after):
    """Ctrl-C as soon as the rows of this round are on disk."""
    append = metrics.append

    def interrupting(path, rows):
        rows = list(rows)
        append(path, rows)
        if rows[0]["round"] == after:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(metrics, "append", interrupting)
        yield


def test_a_finished_run_stays_as_it_is(run, capsys):
    before = contents(run)
    assert status(train, *TINY, "--workdir", run) == 0
    assert "finished 4 rounds" in capsys.readouterr().out
    assert contents(run) == before


def test_other_settings_are_refused(refused, run):
    before = contents(run)
    changes = "--config.schedule.epochs=3", "--config.seed=1", "--config.student_optimizer.learning_rate=0.25"
    error = refused(train, *TINY, *changes, "--workdir", run)
    assert "schedule.epochs 2 -> 3, seed 0 -> 1, student_optimizer.learning_rate 0.1 -> 0.25; " in error
    assert "; schedule.epochs may be raised where" in error and "--force" in error
    assert contents(run) == before


def test_another_teacher_is_refused(run, tmp_path, capsys):
    """Also where only its weights are another's."""
    before = contents(run)
    info, variables = convert(TEACHER, arch=ARCH, mean=(digits.MEAN,), std=(digits.STD,))
    variables = jax.tree.map(lambda leaf: leaf * np.float32(1.001), variables)
    other = dataclasses.replace(info, digest=digest.of_tree(variables))
    teacher_files.save(tmp_path / "other", other, variables)
    assert status(train, *TINY, f"--config.teacher.path={tmp_path / 'other'}", "--workdir", run) == 2
    assert f"the teacher's digest {info.digest!r} -> {other.digest!r}" in capsys.readouterr().err
    assert contents(run) == before


def test_a_run_that_lost_its_teachers_record_is_refused(copy, capsys):
    (copy / "teacher.json").unlink()
    before = contents(copy)
    assert status(train, *TINY, "--workdir", copy) == 2
    assert "is a damaged run: it has no teacher.json" in capsys.readouterr().err
    assert contents(copy) == before


def test_fewer_rounds_than_were_played_are_refused_also_by_force(run, copy, capsys):
    assert status(train, *TINY, "--config.schedule.epochs=1", "--force", "--workdir", copy) == 2
    error = capsys.readouterr().err
    assert "has played 4 rounds, and these settings are for 2: raise schedule.epochs" in error
    assert contents(copy) == contents(run)


def test_one_run_at_a_time(refused, run):
    before = contents(run)
    with workdir.locked(run):
        assert "is locked by process" in refused(train, *TINY, "--workdir", run)
    assert contents(run) == before


def test_more_epochs_later_are_as_good_as_at_once(tmp_path):
    """Where nothing is measured at the end only, which the shorter run had too."""
    one, other = tmp_path / "one", tmp_path / "other"
    flags = *TINY, *CONSTANT, "--config.evaluation.final_splits=()"
    assert status(train, *flags, "--workdir", one) == 0
    assert status(train, *flags, "--config.schedule.epochs=1", "--workdir", other) == 0
    assert status(train, *flags, "--workdir", other) == 0
    assert saved(one) == saved(other)
    assert summary(one) == summary(other)


def test_what_was_spent_before_stays_counted(run, copy):
    """With other settings than now, which are forced."""
    shutil.rmtree(copy / "checkpoints" / "4")
    before = saved_run.read(copy).progress
    shutil.rmtree(copy / "checkpoints" / "2")
    with Checkpoints(copy / "checkpoints", keep=2) as checkpoints:
        progress.save(checkpoints, before._replace(teacher_queries=1000, flops=2**60))
    assert status(train, *TINY, "--config.seed=1", "--force", "--workdir", copy) == 0
    assert summary(copy)["seed"] == 1
    assert summary(run)["teacher_queries"] == 4 * (1 + 1) * 8
    assert summary(copy)["teacher_queries"] == 1000 + 2 * (1 + 1) * 8
    assert summary(copy)["flops"] == 2**60 + summary(run)["flops"] // 2


def test_other_networks_are_refused_also_by_force(run, copy, capsys):
    """And the run is as before, so that it can go on with its own; also where the newest checkpoint is damaged."""
    assert status(train, *TINY, "--config.generator.width=8", "--force", "--workdir", copy) == 2
    error = capsys.readouterr().err
    assert "other networks" in error and error.count("\n") == 1
    assert "state/generator/params/" in error and ": saved float32[" in error
    assert contents(copy) == contents(run)
    DAMAGES["no record"](copy / "checkpoints" / "4")
    before = contents(copy)
    assert status(train, *TINY, "--config.generator.width=8", "--force", "--workdir", copy) == 2
    assert "other networks" in capsys.readouterr().err
    assert contents(copy) == before


@pytest.mark.slow
def test_interrupted_and_resumed_is_uninterrupted(run, tmp_path, monkeypatch, capsys):
    """Stopped in the second epoch, with rows on disk that no checkpoint knows."""
    with interrupted(monkeypatch, after=3):
        assert status(train, *TINY, "--workdir", tmp_path) == 130
    assert "goes on" in capsys.readouterr().err
    assert rows(tmp_path)[-1]["round"] == 3
    assert not json.loads((tmp_path / "summary.json").read_text())["finished"]
    assert status(train, *TINY, "--workdir", tmp_path) == 0
    assert "resuming from round 2" in capsys.readouterr().out
    assert_same_result(run, tmp_path)


@pytest.mark.parametrize("number", [0, 2])
def test_rounds_per_dispatch_leave_no_trace_in_the_numbers(run, tmp_path, number):
    assert status(train, *TINY, f"--config.schedule.rounds_per_dispatch={number}", "--workdir", tmp_path) == 0
    assert_same_result(run, tmp_path)


@pytest.mark.slow
def test_a_run_with_patience_goes_on_with_other_data_or_none(tmp_path, monkeypatch):
    command = (*TINY, "--config.schedule.patience=1", "--config.student_optimizer.learning_rate=0.0")
    assert status(train, *command, "--workdir", tmp_path / "one") == 0
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    assert status(train, *command, "--config.evaluation.splits=test", "--workdir", tmp_path / "one") == 0
    lose_data(monkeypatch)
    assert status(train, *command, "--workdir", tmp_path / "other") == 0


@pytest.mark.slow
def test_tensorboard_shows_the_rows_of_an_interrupted_run_once(tmp_path, monkeypatch):
    pytest.importorskip("tensorboardX")
    from event_files import shown

    with interrupted(monkeypatch, after=4):
        assert status(train, *TINY, "--config.tensorboard=true", "--workdir", tmp_path) == 130
    assert status(train, *TINY, "--config.tensorboard=true", "--workdir", tmp_path) == 0
    wanted = {
        ("/".join([row["kind"], row["student"], *([row["split"]] if "split" in row else []), key]), row["round"]): value
        for row in metrics.read(tmp_path / "metrics.jsonl")
        for key, value in row.items()
        if key not in metrics.LABELS and not key.endswith("seconds")
    }
    found = {place: value for place, value in shown(tmp_path).items() if not place[0].endswith("seconds")}
    assert found == pytest.approx(wanted)
