"""Rows on disk, also after a kill in the middle of a line."""

import csv

import numpy as np
import pytest

from akd_jax import metrics
from akd_jax.errors import InputError


def rows(*rounds):
    return [{"kind": "train", "round": round, "loss": 0.1 * round} for round in rounds]


def test_append_adds_to_what_is_there(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert metrics.read(path) == []
    metrics.append(path, rows(1, 2))
    metrics.append(path, rows(3))
    assert metrics.read(path) == rows(1, 2, 3)
    assert path.read_text().count("\n") == 3


def test_half_a_line_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    metrics.append(path, rows(1, 2))
    whole = path.read_bytes()
    for end in range(len(whole)):  # wherever the kill fell
        path.write_bytes(whole[:end])
        assert metrics.read(path) == rows(1, 2)[: whole[:end].count(b"\n")]


def test_rewind(tmp_path):
    path = tmp_path / "metrics.jsonl"
    metrics.append(path, rows(1, 2, 3, 4))
    with path.open("a") as file:
        file.write('{"kind": "tra')
    metrics.rewind(path, 2, evaluated=True)
    metrics.append(path, rows(3))
    assert metrics.read(path) == rows(1, 2, 3)
    assert [entry.name for entry in tmp_path.iterdir()] == ["metrics.jsonl"]


@pytest.mark.parametrize("line", ["\0" * 20, '{"kind": "tra', "[1]", '{"kind": "train"}', '{"round": 2}', "7"])
def test_a_damaged_line_is_named(tmp_path, line):
    path = tmp_path / "metrics.jsonl"
    metrics.append(path, rows(1))
    with path.open("a") as file:
        file.write(f"{line}\n")
    metrics.append(path, rows(2))
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"line 2 of .*metrics.jsonl is damaged"):
        metrics.rewind(path, 2, evaluated=True)
    assert path.read_bytes() == before


def test_rewind_without_a_file(tmp_path):
    metrics.rewind(tmp_path / "metrics.jsonl", 0, evaluated=True)
    assert metrics.read(tmp_path / "metrics.jsonl") == []


def test_no_line_that_is_not_json(tmp_path):
    with pytest.raises(ValueError):
        metrics.append(tmp_path / "metrics.jsonl", [{"loss": float("nan")}])


def test_history_holds_the_evaluations(tmp_path):
    evaluation = {
        "kind": "eval", "epoch": 1, "round": 5, "student": "s", "split": "test", "top1": 0.5, "top5": 1.0,
        "loss": 1.5, "agreement": 0.25, "kl": 0.5, "ece": 0.125, "teacher_queries": 64, "flops": 10**9,
        "wall_seconds": 8.0, "seconds": 2.0, "seed": 0,
    }  # fmt: skip
    metrics.write_history(tmp_path / "history.csv", [*rows(1, 2), evaluation])
    with (tmp_path / "history.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [{key: str(evaluation[key]) for key in metrics.HISTORY}]


def test_rows_of_training():
    series = {"a": {"loss": np.array([1.0, 2.0])}, "b": {"loss": np.array([3.0, 4.0])}}
    found = list(metrics.train_rows(series, after=10, rounds=2, epoch=3, seed=7, seconds=0.5))
    assert [(row["round"], row["student"], row["loss"]) for row in found] == [
        (11, "a", 1), (11, "b", 3), (12, "a", 2), (12, "b", 4),
    ]  # fmt: skip
    assert all((row["kind"], row["epoch"], row["seed"], row["seconds"]) == ("train", 3, 7, 0.5) for row in found)


def test_a_number_that_is_not_finite_is_null(tmp_path):
    series = {"a": {"loss": np.array([1.0, np.nan]), "skipped_steps": np.array([0, 3])}}
    found = list(metrics.train_rows(series, after=0, rounds=2, epoch=1, seed=0, seconds=0.5))
    assert [(row["loss"], row["skipped_steps"]) for row in found] == [(1.0, 0), (None, 3)]
    metrics.append(tmp_path / "metrics.jsonl", found)
    assert metrics.read(tmp_path / "metrics.jsonl") == found


def test_rows_of_the_generator():
    (row,) = metrics.generator_rows({"a": {"diversity": 2.0}}, after=10, epoch=3, seed=7, seconds=0.5)
    assert row == {"kind": "generator", "round": 10, "epoch": 3, "student": "a", "diversity": 2.0, "seed": 7,
                   "seconds": 0.5}  # fmt: skip


def test_rows_of_an_evaluation():
    spent = {"teacher_queries": 640, "flops": 10**12, "wall_seconds": 8.0}
    at = {"student": "a", "after": 10, "epoch": 3, "seed": 7, "seconds": 0.5}
    found = list(metrics.eval_rows({"x": {"top1": 0.5}, "y": {"top1": 1.0}}, spent=spent, **at))
    assert [(row["split"], row["top1"]) for row in found] == [("x", 0.5), ("y", 1.0)]
    assert all(row.items() >= spent.items() for row in found)
    assert all((row["kind"], row["round"], row["student"], row["epoch"]) == ("eval", 10, "a", 3) for row in found)


def test_rewind_to_before_an_evaluation(tmp_path):
    path = tmp_path / "metrics.jsonl"
    kept = [{"kind": "train", "round": 1}, {"kind": "eval", "round": 1}, {"kind": "train", "round": 2}]
    metrics.append(path, [*kept, {"kind": "eval", "round": 2}, {"kind": "generator", "round": 2}])
    metrics.rewind(path, 2, evaluated=False)
    assert metrics.read(path) == kept
