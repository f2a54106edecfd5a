"""The benchmark: that it measures what it says, on a game too small to say how fast."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from akd_jax.optional import why_missing
from benchmarks import machine, readme
from benchmarks.side_by_side import summary

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("peer", ["torch_tuned", pytest.param("flax", marks=pytest.mark.slow)])
def test_a_tiny_game_from_beginning_to_end(peer, tmp_path):
    variants = ["jax"] if peer.startswith("torch") and why_missing("torch") else ["jax", peer]
    out, picture = tmp_path / "out" / "figures.json", tmp_path / "out" / "ratios.png"
    command = ["scripts/benchmark.py", "--quick", "--variants", ",".join(variants), "--threads", "1"]
    subprocess.run([sys.executable, *command, "--json", out, "--plot", picture], cwd=ROOT, check=True, timeout=900)
    measured = json.loads(out.read_text())
    game = measured["games"]["tiny"]
    assert set(game["losses_apart"]) == set(variants) and max(game["losses_apart"].values()) < 1e-9
    assert game["flops"]["round"] == 3 * game["flops"]["student_step"] + game["flops"]["generator_step"]
    assert {"student_step", "generator_step", "round"} <= game["rows"].keys()
    for row in game["rows"].values():
        for found in row.values():
            assert 0 < found["low"] <= found["median"] <= found["high"] and found["samples"] in (2, 4)
            assert found["ours_over"]["low"] <= found["ours_over"]["median"] <= found["ours_over"]["high"]
    assert game["compile_seconds"]["cached"]["compiling"] < game["compile_seconds"]["cold"]["compiling"]
    assert min(game["peak_memory"].values()) > 2**27 and measured["matmul_flops_per_second"] > 1e9
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--games", "chess"], "--games chess: unknown"),
        (["--variants", "tensorflow"], "--variants tensorflow: unknown"),
        (["--threads", "0"], "--threads 0: "),
        (["--samples", "0"], "--samples 0: "),
        (["--json", "."], "--json .: give a file"),
        (["--plot", "ratios.foo"], "--plot ratios.foo: give a file"),
        (["--slow"], "unrecognized arguments"),
    ],
)
def test_bad_flags_are_one_line(flags, says):
    ended = subprocess.run([sys.executable, "scripts/benchmark.py", *flags], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 2 and ended.stderr.count("\n") == 1 and ended.stderr.startswith(f"error: {says}")


def test_a_ratio_is_of_samples_of_one_turn():
    theirs, ours = [(2.0, 0.0), (6.0, 0.0), (4.0, 0.0)], [(1.0, 0.0), (2.0, 0.0), (4.0, 0.0)]
    assert summary(theirs, ours)["ours_over"] == {"median": 0.5, "low": 1 / 3, "high": 1.0}


def test_a_sample_beside_others_work_is_marked():
    found = summary(samples := [(1.0, 0.0), (3.0, 2 * machine.QUIET), (2.0, 0.0)], samples)
    assert {**found, "ours_over": None} == {
        "median": 2.0,
        "low": 1.0,
        "high": 3.0,
        "samples": 3,
        "noisy": 1,
        "ours_over": None,
    }


def test_a_noisy_sample_is_taken_again(monkeypatch):
    values, busy = iter([5.0, 3.0, 4.0]), iter([0.0, 100.0, 100.0, 100.0])
    monkeypatch.setattr(machine, "busy_seconds", lambda: next(busy))
    monkeypatch.setattr(machine, "process_seconds", lambda pid: 0.0)
    assert machine.quietest(lambda: next(values), 0) == (3.0, 0.0)


def test_the_readme_shows_what_was_measured():
    text = (ROOT / "README.md").read_text()
    assert readme.written(text) == text, "python -m benchmarks.readme writes the tables anew"
