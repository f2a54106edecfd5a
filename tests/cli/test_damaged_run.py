"""akd-train in a directory where a disk did harm: damaged checkpoints, and no room for another."""

import shutil

import orbax.checkpoint as ocp
import pytest
from commands import TINY, contents, status
from damage import DAMAGES
from outcomes import assert_same_result, history, names, summary

from akd_jax import metrics
from akd_jax.cli import sample, train


@pytest.mark.parametrize(
    "damage",
    [
        "a byte of the arrays",
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("arrays cut short", "no arrays")),
    ],
)
def test_a_damaged_checkpoint_is_named_and_set_aside(run, copy, capsys, damage):
    DAMAGES[damage](copy / "checkpoints" / "4")
    damaged = contents(copy / "checkpoints" / "4")
    with (copy / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "tra')
    assert status(train, *TINY, "--workdir", copy) == 0
    said = capsys.readouterr()
    assert said.err.startswith("warning: checkpoint 4 in ") and said.err.count("\n") == 1
    assert " is damaged: " in said.err and said.err.endswith(": going on from checkpoint 2\n")
    assert "resuming from round 2" in said.out
    assert_same_result(run, copy)
    assert names(copy / "checkpoints") == {"2", "4"}
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
    for round in names(copy / "checkpoints"):
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


def test_a_damaged_line_of_the_metrics_is_found_before_anything_is_written(copy, capsys):
    DAMAGES["a byte of the arrays"](copy / "checkpoints" / "4")
    path = copy / "metrics.jsonl"
    path.write_text("no row\n" + path.read_text())
    before = contents(copy)
    assert status(train, *TINY, "--workdir", copy) == 2
    assert f"error: line 1 of {path} is damaged" in capsys.readouterr().err
    assert contents(copy) == before


def test_checkpoints_that_are_gone_are_no_reason_to_start_afresh(copy, capsys):
    shutil.rmtree(copy / "checkpoints")
    before = contents(copy)
    assert status(train, *TINY, "--workdir", copy) == 1
    assert "error: no readable checkpoint in " in capsys.readouterr().err and contents(copy) == before


def test_no_room_for_the_metrics(copy, monkeypatch, capsys):
    shutil.rmtree(copy / "checkpoints" / "4")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(metrics, "append", full)
    assert status(train, *TINY, "--workdir", copy) == 1
    error = capsys.readouterr().err
    assert "error: [Errno 28] No space left on device: what was saved before is intact" in error
