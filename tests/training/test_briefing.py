"""What a run says of itself."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from akd_jax.training.briefing import report_end, report_evaluation


def run(devices=1):
    config = SimpleNamespace(mesh=SimpleNamespace(data=devices))
    return SimpleNamespace(config=config, schedule=SimpleNamespace(rounds=4), directory=Path("runs/mine"))


SUMMARY = {"rounds": 4, "wall_seconds": 100.0, "images_per_second": 40_960.0, "flops": 31_000 * 10**12}


@pytest.mark.parametrize(
    ("measured", "says"),
    [
        ({}, "40,960 images/s, 310 TFLOP/s"),  # as summaries were before
        ({"images_per_second": 0.0}, "310 TFLOP/s"),  # of an older version, without a teacher
        ({"mfu": None, "peak_memory_bytes": None}, "40,960 images/s, 310 TFLOP/s"),
        (
            {"mfu": 0.3134, "peak_memory_bytes": 5 * 2**30},
            "40,960 images/s, 310 TFLOP/s (31.3% of the chip's peak), at most 5.0 GiB of its memory",
        ),
    ],
)
def test_how_fast_it_was(measured, says, capsys):
    report_end(run(), SUMMARY | measured)
    wanted = f"finished 4 rounds in 1 min 40 s of training, {says}; results are in runs/mine\n"
    assert capsys.readouterr().out == wanted


def test_the_peak_of_several_chips(capsys):
    report_end(run(devices=4), SUMMARY | {"mfu": 0.3134})
    assert "(31.3% of the chips' peak)" in capsys.readouterr().out


def test_a_run_of_no_rounds_has_no_speed(capsys):
    report_end(run(), SUMMARY | {"wall_seconds": 0.0, "flops": 0})
    assert "of training; results are in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("round", "ending", "says"),
    [(1, None, "round 1, about 30 s to go"), (1, "patience", "round 1\n"), (4, "all rounds are played", "round 4\n")],
)
def test_what_is_left(round, ending, says, capsys):
    """Nothing where a run ends before its rounds are played."""
    played = run()
    played.label, played.config.schedule = "", SimpleNamespace(epochs=2)
    report_evaluation(played, SimpleNamespace(round=round, seconds=10.0 * round, ending=ending), 1, {})
    assert says in capsys.readouterr().out
