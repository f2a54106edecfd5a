"""akd-train in a directory that holds a run: finished, interrupted, stopped early, or of other settings."""

import json
import multiprocessing
import random
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import jax
import orbax.checkpoint as ocp
import pytest
from commands import TINY, contents, lose_data, status
from damage import DAMAGES
from outcomes import assert_same_result, history, rows, saved, summary

from akd_jax import files, metrics, progress, saved_run, workdir
from akd_jax.checkpoint import Checkpoints
from akd_jax.cli import sample, train


def rounds(directory):
    """The numbers of the checkpoints there."""
    return {path.name for path in directory.iterdir()}


@pytest.fixture
def copy(run, tmp_path):
    """A run's directory that may be changed."""
    return Path(shutil.copytree(run, tmp_path / "copy"))


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
    error = refused(train, *TINY, "--config.schedule.epochs=3", "--config.seed=1", "--workdir", run)
    assert "schedule.epochs 2 -> 3, seed 0 -> 1; schedule.epochs may be raised where" in error and "--force" in error
    assert contents(run) == before


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


CONSTANT = ("--config.student_optimizer.schedule=constant", "--config.generator_optimizer.schedule=constant")


def test_more_epochs_later_are_as_good_as_at_once(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    assert status(train, *TINY, *CONSTANT, "--workdir", one) == 0
    assert status(train, *TINY, *CONSTANT, "--config.schedule.epochs=1", "--workdir", other) == 0
    assert status(train, *TINY, *CONSTANT, "--workdir", other) == 0
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


def test_a_damaged_checkpoint_is_named_and_set_aside(run, copy, capsys):
    DAMAGES["a byte of the arrays"](copy / "checkpoints" / "4")
    damaged = contents(copy / "checkpoints" / "4")
    with (copy / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "tra')
    assert status(train, *TINY, "--workdir", copy) == 0
    said = capsys.readouterr()
    assert said.err.startswith("warning: checkpoint 4 in ") and said.err.count("\n") == 1
    assert said.err.endswith("its arrays are not as they were: going on from checkpoint 2\n")
    assert "resuming from round 2" in said.out
    assert_same_result(run, copy)
    assert rounds(copy / "checkpoints") == {"2", "4"}
    assert contents(copy / "checkpoints_damaged" / "4") == damaged


def test_readers_name_a_damaged_checkpoint_and_leave_it(copy, tmp_path, capsys):
    DAMAGES["a byte of the arrays"](copy / "checkpoints" / "4")
    before = contents(copy)
    assert status(sample, "--workdir", copy, "--num", 1, "--out", tmp_path / "drawn") == 0
    said = capsys.readouterr()
    assert said.err.startswith("warning: checkpoint 4 in ") and said.err.count("\n") == 1
    assert "after 2 rounds" in said.out
    assert contents(copy) == before


def test_no_readable_checkpoint(copy, tmp_path, capsys):
    """No restart, and nothing is deleted."""
    for round in rounds(copy / "checkpoints"):
        DAMAGES["arrays cut short"](copy / "checkpoints" / round)
    before = contents(copy)
    for command in ((train, *TINY), (sample, "--out", tmp_path / "drawn")):
        assert status(*command, "--workdir", copy) == 1
        error = capsys.readouterr().err
        assert error.startswith("error: no readable checkpoint in ") and error.count("\n") == 1
        assert "checkpoint 4 in" in error and "checkpoint 2 in" in error and "another --workdir" in error
    assert contents(copy) == before
    assert not (tmp_path / "drawn").exists()


def test_a_full_disk(run, copy, monkeypatch, capsys):
    """What is reported is on disk, and nothing from before is lost."""
    shutil.rmtree(copy / "checkpoints" / "4")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ocp.CheckpointManager, "_finalize", full)
        assert status(train, *TINY, "--workdir", copy) == 1
    said = capsys.readouterr()
    assert said.err.startswith("error: no checkpoint could be written to ") and said.err.count("\n") == 1
    assert "No space left on device" in said.err and "give the same command again" in said.err
    assert "epoch 2/2" not in said.out and "finished" not in said.out
    assert (summary(copy)["rounds"], summary(copy)["finished"]) == (2, False)
    assert {row["round"] for row in history(copy)} == {"2"}
    shutil.rmtree(copy / "checkpoints" / "4", ignore_errors=True)
    assert status(train, *TINY, "--workdir", copy) == 0
    assert_same_result(run, copy)


def test_a_kill_between_the_last_checkpoint_and_its_reports(run, copy):
    files.write_json(copy / "summary.json", summary(copy) | {"rounds": 2, "finished": False})
    for name in ("history.csv", "curves.png"):
        (copy / name).unlink()
    assert status(train, *TINY, "--workdir", copy) == 0
    assert contents(copy) == contents(run)


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


def test_a_run_with_patience_goes_on_with_other_data_or_none(tmp_path, monkeypatch):
    command = (*TINY, "--config.schedule.patience=1", "--config.student_optimizer.learning_rate=0.0")
    assert status(train, *command, "--workdir", tmp_path / "one") == 0
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    assert status(train, *command, "--config.evaluation.splits=test", "--workdir", tmp_path / "one") == 0
    lose_data(monkeypatch)
    assert status(train, *command, "--workdir", tmp_path / "other") == 0


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


EPOCHS = 12
LONGER = (*TINY, *CONSTANT, f"--config.schedule.epochs={EPOCHS}", "--config.sample_every_epochs=3")


def play(programs, *arguments):
    """In a process of its own."""
    jax.config.update("jax_compilation_cache_dir", programs)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    train.main([str(argument) for argument in arguments])


def first_row(process, directory):
    """Waits until the process has written a row."""
    rows, started = directory / "metrics.jsonl", time.monotonic()
    before = rows.stat().st_mtime_ns if rows.exists() else 0
    while process.is_alive() and not (rows.exists() and rows.stat().st_mtime_ns > before and rows.stat().st_size):
        assert time.monotonic() - started < 300
        time.sleep(0.005)


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_moments(tmp_path, kills):
    """No work of more than an epoch is lost, nothing has to be mended by hand, and the result is the same."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["akd_jax.loop"])
    draw = random.Random(kills)

    def start(directory):
        arguments = (jax.config.jax_compilation_cache_dir, *LONGER, "--workdir", directory)
        process = processes.Process(target=play, args=arguments)
        process.start()
        first_row(process, directory)
        return process, time.monotonic()

    process, began = start(tmp_path / "whole")
    process.join()
    took = time.monotonic() - began
    assert process.exitcode == 0
    killed, done = tmp_path / "killed", 0
    while done < kills:
        process, _ = start(killed)
        time.sleep(draw.uniform(0, took / 3))
        process.kill()
        process.join()
        if process.exitcode == 0:  # too late: another run
            assert_same_result(tmp_path / "whole", killed)
            shutil.rmtree(killed)
            continue
        assert process.exitcode == -9
        done += 1
        kept = {int(name) for name in rounds(killed / "checkpoints") if name.isdecimal()}
        if (killed / "summary.json").exists():
            assert summary(killed)["rounds"] <= max(kept)
        assert rows(killed)[-1]["round"] <= max(kept, default=0) + 2
    process, _ = start(killed)
    process.join()
    assert process.exitcode == 0
    assert_same_result(tmp_path / "whole", killed)
    assert rounds(killed) == rounds(tmp_path / "whole") and len(rounds(killed / "checkpoints")) == workdir.KEEP
