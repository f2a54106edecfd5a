"""summary.json, of what a chip could do and gave."""

from types import SimpleNamespace

import jax.numpy as jnp
import pytest

from akd_jax import chips
from akd_jax.training import progress
from akd_jax.training.summary import summarise
from akd_jax.types import AKDState


def run(devices=1, in_step=1):
    config = SimpleNamespace(name="mine", method="akd", seed=0, mesh=SimpleNamespace(data=devices))
    return SimpleNamespace(
        config=config,
        teacher_info=None,
        lessons_info=None,
        parameters={},
        in_step=in_step,
        lessons_in=lambda rounds: 12,
    )


PLAYED = progress.fresh(AKDState(jnp.int32(4), {}, ()))._replace(seconds=2.0, flops=6 * 10**9, teacher_queries=30)


def summary(played=PLAYED, **how):
    return summarise(run(**how), played, teacher_top1={}, rows=())


def test_the_share_of_the_chips_peak(monkeypatch):
    monkeypatch.setattr(chips, "peak_flops_per_second", lambda kind: 1e10 if kind == "cpu" else None)
    monkeypatch.setattr(chips, "peak_memory_bytes", lambda: 5 * 2**30)
    assert summary()["mfu"] == pytest.approx(0.3)
    assert summary(devices=4)["mfu"] == pytest.approx(0.3 / 4) and summary(devices=4)["device"] == "4 x cpu (cpu)"
    assert summary(PLAYED._replace(seconds=0.0, flops=0))["mfu"] is None
    assert summary()["peak_memory_bytes"] == 5 * 2**30


def test_runs_that_are_played_in_step_share_the_time(monkeypatch):
    monkeypatch.setattr(chips, "peak_flops_per_second", lambda kind: 1e11)
    alone, one_of_three = summary(), summary(in_step=3)
    assert (alone["images_per_second"], one_of_three["images_per_second"]) == (15, 45)
    assert (alone["mfu"], one_of_three["mfu"]) == (0.03, 0.09)
    assert alone["wall_seconds"] == one_of_three["wall_seconds"] == 2
    assert summary(PLAYED._replace(teacher_queries=0))["images_per_second"] == 6, "without a teacher its lessons count"


def test_nobody_knows_a_cpus():
    assert summary()["mfu"] is None and summary()["peak_memory_bytes"] is None
