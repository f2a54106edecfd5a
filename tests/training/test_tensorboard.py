"""Event files read back: what TensorBoard would show."""

import sys
from contextlib import closing
from pathlib import Path

import pytest

from akd_jax.errors import InputError
from akd_jax.training import tensorboard

pytest.importorskip("tensorboardX")
from event_files import shown


def train_row(round, loss=0.5):
    return {
        "kind": "train", "round": round, "epoch": 1, "student": "wide", "student_loss": loss, "generator_loss": -loss,
        "seconds": 0.25, "seed": 3,
    }  # fmt: skip


def eval_row(round, top1):
    return {
        "kind": "eval", "round": round, "epoch": 1, "student": "wide", "split": "test", "top1": top1, "loss": 1.5,
        "agreement": 0.75, "seconds": 2.0, "seed": 3,
    }  # fmt: skip


def test_rows_are_scalars_by_round(tmp_path):
    with closing(tensorboard.Events(tmp_path, after=0)) as written:
        written.append([train_row(1), train_row(2)])
        written.append(row for row in [eval_row(2, 0.5)])
    assert shown(tmp_path) == {
        ("train/wide/student_loss", 1): 0.5,
        ("train/wide/generator_loss", 1): -0.5,
        ("train/wide/seconds", 1): 0.25,
        ("train/wide/student_loss", 2): 0.5,
        ("train/wide/generator_loss", 2): -0.5,
        ("train/wide/seconds", 2): 0.25,
        ("eval/wide/test/top1", 2): 0.5,
        ("eval/wide/test/loss", 2): 1.5,
        ("eval/wide/test/agreement", 2): 0.75,
        ("eval/wide/test/seconds", 2): 2.0,
    }


def test_rounds_played_again_show_once(tmp_path):
    with closing(tensorboard.Events(tmp_path, after=0)) as written:
        written.append(train_row(round, loss=0.5) for round in (1, 2, 3, 4))
    with closing(tensorboard.Events(tmp_path, after=2)) as written:
        written.append([train_row(3, loss=0.125)])
    losses = {step: value for (tag, step), value in shown(tmp_path).items() if tag == "train/wide/student_loss"}
    assert losses == {1: 0.5, 2: 0.5, 3: 0.125}


def test_an_interruption_loses_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), closing(tensorboard.Events(tmp_path, after=0)) as written:
        written.append([train_row(1)])
        raise KeyboardInterrupt
    assert ("train/wide/student_loss", 1) in shown(tmp_path)


def test_a_kill_loses_nothing_that_was_appended(tmp_path):
    written = tensorboard.Events(tmp_path, after=0)
    written.append([train_row(1)])
    assert ("train/wide/student_loss", 1) in shown(tmp_path)  # although it was not closed
    written.close()


def test_a_full_disk_is_an_error_at_once(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full, a disk without room")
    with closing(tensorboard.Events(tmp_path, after=0)) as written, open("/dev/full", "wb", 0) as full:
        mine, written._writer._py_recordio_writer._writer = written._writer._py_recordio_writer._writer, full
        with pytest.raises(OSError, match="No space left"):
            written.append([train_row(1)])
        written._writer._py_recordio_writer._writer = mine


def test_without_the_library(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)  # what makes its import fail
    with pytest.raises(InputError, match=r"pip install 'akd_jax\[tensorboard\]'"):
        tensorboard.Events(tmp_path, after=0)
    assert not list(tmp_path.iterdir())
