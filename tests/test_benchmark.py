"""The benchmark: that it measures what it says, on a game too small to say how fast."""

import copy
import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import pytest
from commands import status
from hlo import operations

from akd_jax.optional import why_missing
from benchmarks import command, games, machine, readme, workers
from benchmarks.flax_game import plain
from benchmarks.side_by_side import summary

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["torch_tuned", "flax"])
def test_a_tiny_game_from_beginning_to_end(peer, tmp_path):
    variants = ["jax"] if peer.startswith("torch") and why_missing("torch") else ["jax", peer]
    out, picture = tmp_path / "out" / "figures.json", tmp_path / "out" / "ratios.png"
    called = ["scripts/benchmark.py", "--quick", "--variants", ",".join(variants), "--threads", "1"]
    subprocess.run([sys.executable, *called, "--json", out, "--plot", picture], cwd=ROOT, check=True, timeout=900)
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


@pytest.mark.slow
@pytest.mark.parametrize("game", ["tiny", "tiny_fast"])
def test_a_worker_answers_and_a_variant_plays_the_same_game_as_ours(game, tmp_path):
    """PyTorch's, or where that is not installed, the plain Flax loop or single steps."""
    peer = {"tiny": "flax", "tiny_fast": "jax_stepwise"}[game] if why_missing("torch") else "torch"
    losses = {}
    for variant in ("jax", peer):  # the first writes down where both begin
        with workers.workers([variant], game, tmp_path, workers.Place(1)) as made:
            if variant == "jax":
                made[variant].ask("prepare")
            losses[variant] = made[variant].ask("losses")
    assert len(losses["jax"]) == 2 * games.ROUNDS - (game == "tiny_fast")
    # A synthesis' Adam moves biases before batch norms by the signs of gradients that are nothing but rounding.
    assert losses[peer] == pytest.approx(losses["jax"], rel=1e-9 if game == "tiny" else 1e-7)


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
        (["--device", "abacus"], "argument --device: invalid choice"),
        (["--dtype", "bfloat16"], "--dtype bfloat16: goes with --device gpu"),
        (["--device", "gpu", "--batch", "1"], "--batch 1: at least 2"),
        (["--device", "gpu", "--variants", "torch"], "--variants torch: PyTorch is measured on the CPU alone"),
    ],
)
def test_bad_flags_are_one_line(flags, says, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert status(command, *flags) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith(f"error: {says}")


@pytest.mark.slow
def test_a_device_from_beginning_to_end(tmp_path, monkeypatch):
    """The CPU stands in for the GPU, and has no peak."""
    monkeypatch.setitem(command.PLATFORMS, "gpu", "cpu")
    out = tmp_path / "figures.json"
    flags = ("--device", "gpu", "--quick", "--variants", "jax", "--samples", "1", "--threads", "1", "--json", out)
    assert status(command, *flags) == 0
    measured = json.loads(out.read_text())
    assert measured["device"]["kind"] == "cpu" and measured["device"]["peak_flops_per_second"] is None
    game = measured["games"]["tiny"]
    assert game["rows"].keys() == game["flops"].keys()
    assert game["peak_memory"] == {"jax": None}
    assert game["dispatch"]["rounds"] == 12, "an epoch, which takes less than 10 s"


def on_a_gpu(monkeypatch, **answers):
    """Workers answer as they might there; returns the places that they were made for."""
    answers = {
        "device": {"missing": "", "kind": "NVIDIA H100 80GB HBM3", "peak_flops_per_second": 989e12},
        "matmul": 800e12,
        "prepare": None,
        "flops": {"round": 3.2e12},
        "losses": [1.0],
        "compile": {"tracing": 1.0, "compiling": 30.0},
        "phases": ["round", "conversion"],
        "ready": 1,
        "sample": 0.01,
        "memory": 3 * 2**30,
        "dispatch": {"rounds": 100, "seconds": 1.0},
    } | answers
    places = []

    class Actor:
        pid = 0

        def __init__(self, variant, game, start, place):
            places.append(place)

        def ask(self, do, **_):
            return copy.deepcopy(answers[do])

        def close(self):
            pass

    monkeypatch.setattr(workers, "Worker", Actor)
    return places


@pytest.mark.parametrize(
    ("peak", "head", "share"), [(989e12, "the chip's peak", "32%"), (None, "a matrix product's", "40%")]
)
def test_speed_on_a_device(peak, head, share, tmp_path, monkeypatch, capsys):
    out = tmp_path / "figures.json"
    found = {"missing": "", "kind": "NVIDIA H100 80GB HBM3", "peak_flops_per_second": peak}
    places = on_a_gpu(monkeypatch, device=found)
    assert status(command, "--device", "gpu", "--games", "seed", "--variants", "jax,flax", "--json", out) == 0
    changes = {"dtype": "bfloat16", "batch_size": 256}
    assert {(place.platform, tuple(place.changes.items())) for place in places} == {("cuda", tuple(changes.items()))}
    said, measured = capsys.readouterr().out, json.loads(out.read_text())
    assert (measured["changes"], measured["matmul"]) == (changes, {"size": 8192, "dtype": "bfloat16"})
    assert f"| ours, TFLOP/s | of {head} |" in said
    assert f"| round | 10 (10 to 10) | 10 (10 to 10) | 320 | {share} |" in said
    assert "teacher's file read" not in said, "which is the host's work"
    assert "| peak memory, rounds alone, MiB | 3,072 | 3,072 | | |" in said
    assert "| chip | NVIDIA H100 80GB HBM3 |" in said
    assert "| seed round compiled, cold, s | 30.0, and 1.0 of tracing before |" in said
    assert "| seed rounds in a dispatch | 100, 1 s |" in said


def test_a_device_that_is_not_there_is_one_line(monkeypatch, capsys):
    on_a_gpu(monkeypatch, device={"missing": "no plugin"})
    assert status(command, "--device", "gpu") == 2
    said = capsys.readouterr().err
    assert said == "error: --device gpu: JAX cannot use one here (no plugin); install '.[cuda]' where there is one\n"


def test_the_plain_flax_loop_computes_in_bfloat16_too():
    config = games.config_of("tiny", dtype="bfloat16")
    experiment = games.experiment_of(config)
    shapes = jax.eval_shape(partial(games.beginning, config, experiment))
    table = plain(games.Table(config, experiment, *shapes))
    (turn,) = table.experiment.method.turns.values()
    given = table.state, table.teacher_variables, jax.eval_shape(lambda: jax.random.key(0))
    traced = jax.jit(turn.steps["generator_step"]).trace(*given)
    lowered = traced.lower(lowering_platforms=("cuda",)).as_text()
    for name in ("convolution", "dot_general"):
        assert {kinds for kinds, _ in operations(lowered, name)} == {"bf16 bf16 bf16"}


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
