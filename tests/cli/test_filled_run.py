"""A run whose bank is filled before any student moves, by embeddings of classes from a file."""

import json

import numpy as np
import pytest
from commands import TINY, status

from akd_jax import metrics
from akd_jax.cli import sample, train

pytestmark = pytest.mark.slow

SETTINGS = (
    *TINY,
    "--config.method=nayer",
    "--config.nayer.filling_syntheses=3",
    "--config.nayer.syntheses=1",
    "--config.nayer.synthesis_steps=2",
    "--config.nayer.noise_layers=1",
    "--config.nayer.student_steps=2",
    "--config.nayer.bank_capacity=64",
    "--config.schedule.filling=1",
    "--config.evaluation.splits=('validation[:32]',)",
    "--config.evaluation.final_splits=()",
)
"""Two rounds without students, and two with them."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """(the run, how it was called, the file)."""
    directory = tmp_path_factory.mktemp("filled")
    file = directory / "names.npy"
    np.save(file, np.random.default_rng(0).normal(size=(10, 6)))
    call = (*SETTINGS, f"--config.nayer.embeddings={file}", "--workdir", directory / "run")
    assert status(train, *call) == 0
    return directory / "run", call, file


def test_students_sit_out_and_nobody_measures_them(filled):
    rows = metrics.read(filled[0] / "metrics.jsonl")
    played = [row for row in rows if row["kind"] == "train"]
    assert [("student_loss" in row, "generator_loss" in row) for row in played] == [(False, True)] * 2 + [
        (True, True)
    ] * 2
    assert {row["round"] for row in rows if row["kind"] != "train"} == {4}


def test_what_was_shown_and_done_is_counted_as_it_was_played(filled):
    """Three syntheses of two steps of ten images; then one, and two batches of eight."""
    told = json.loads((filled[0] / "summary.json").read_text())
    assert told["teacher_queries"] == 2 * (3 * 2 * 10) + 2 * (2 * 10 + 2 * 8)
    assert told["rounds"] == 4


def test_the_run_does_without_the_file_and_knows_another(filled, tmp_path, capsys):
    run, call, file = filled
    rows = np.load(file)
    file.unlink()
    assert status(sample, "--workdir", run, "--num", 2, "--out", tmp_path / "drawn") == 0
    assert f"2 images of {run}'s bank, after 4 rounds" in capsys.readouterr().out
    np.save(file, rows + 1)
    assert status(train, *call) == 2
    assert "the embeddings' digest 'sha256:" in capsys.readouterr().err
    np.save(file, rows)
    assert status(train, *call) == 0
