"""akd-sample: images of a run's generator."""

import json
import shutil

import numpy as np
import pytest
from commands import status
from PIL import Image

from akd_jax.checkpoint import Checkpoints
from akd_jax.cli import sample


def test_sampled_images(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, tmp_path / "runs" / "mine")
    assert status(sample, "--num", 3) == 0  # of the newest run, into its own directory
    assert "after 4 rounds" in capsys.readouterr().out
    drawn = tmp_path / "runs" / "mine" / "samples" / "drawn"
    files = sorted(path.name for path in drawn.iterdir())
    assert files == ["grid.png", "image_000.png", "image_001.png", "image_002.png"]
    with Image.open(drawn / "image_002.png") as image:
        assert image.size == (16, 16)
    with Image.open(drawn / "grid.png") as grid:
        assert grid.size == (34, 34)
    grids = [(drawn / "grid.png").read_bytes()]
    for name, flags in {"again": (), "other": ("--seed", 1), "untrained": ("--untrained",)}.items():
        assert status(sample, "--workdir", run, "--num", 3, "--out", name, *flags) == 0
        grids.append((tmp_path / name / "grid.png").read_bytes())
    assert grids[0] == grids[1]
    assert len(set(grids)) == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "train one first"),
        (("--workdir", "nowhere"), "nowhere"),
        (("--num", "0"), "at least 1"),
        (("--num", "many"), "--num"),
        (("--seed", "-1"), "--seed -1"),
        (("--nope",), "--nope"),
    ],
)
def test_sampling_refuses(refused, arguments, says):
    assert says in refused(sample, *arguments)


def test_a_bank_is_empty_before_training(refused, run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    (tmp_path / "run" / "config.json").write_text(json.dumps(config | {"method": "fast"}))
    assert "--untrained: fast's images are those of its bank" in refused(sample, "--workdir", "run", "--untrained")


def test_sampling_refuses_a_run_without_a_checkpoint(refused, run, tmp_path):
    (tmp_path / "run").mkdir()
    for name in ("config.json", "teacher.json"):
        shutil.copy(run / name, tmp_path / "run")
    assert "no checkpoint yet" in refused(sample, "--workdir", "run")


def test_sampling_refuses_a_checkpoint_of_something_else(refused, run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    with Checkpoints(tmp_path / "run" / "checkpoints", keep=2) as checkpoints:
        checkpoints.save(9, {"student": np.ones(3, np.float32)}, {})
    error = refused(sample, "--workdir", "run")
    assert "checkpoint 9 in" in error and "student: saved float32[3], wanted nothing" in error


def test_sampling_refuses_a_file_for_a_directory(refused, run, tmp_path):
    (tmp_path / "file").write_text("")
    assert "--out file" in refused(sample, "--workdir", run, "--out", "file")
