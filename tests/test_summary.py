"""summary.json, of what a chip could do and gave."""

import json

import pytest
from stage import Stage

from akd_jax import chips, summary


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    return Stage(tmp_path_factory.mktemp("stage"), {"evaluation.data": ""})


def test_the_share_of_a_chips_peak(stage, tmp_path, monkeypatch):
    monkeypatch.setattr(chips, "peak_flops_per_second", lambda kind: 1e9)
    monkeypatch.setattr(chips, "peak_memory_bytes", lambda: 5 * 2**30)
    stage.train(tmp_path)
    told = json.loads((tmp_path / "summary.json").read_text())
    assert told["mfu"] == pytest.approx(told["flops"] / told["wall_seconds"] / 1e9, rel=0.01)
    assert told["peak_memory_bytes"] == 5 * 2**30
    assert summary.SCHEMA == told["schema"] == 1


def test_nobody_knows_a_cpus(stage, tmp_path):
    stage.train(tmp_path)
    told = json.loads((tmp_path / "summary.json").read_text())
    assert told["mfu"] is None and told["peak_memory_bytes"] is None
