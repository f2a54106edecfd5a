"""What a run remembers of its students' bests."""

import jax.numpy as jnp
import pytest

from akd_jax import progress
from akd_jax.checkpoint import Checkpoints
from akd_jax.errors import InputError
from akd_jax.types import AKDState, NetworkState


def at(round, value=0.0):
    """A state of one student, "s", whose only parameter is `value`."""
    player = NetworkState(jnp.float32(value), (), ())
    return AKDState(jnp.int32(round), {"s": player}, player, ())


def after(now, round, value, top1, split="test"):
    """The progress after an evaluation at `round`."""
    measured = {"s": {split: {"top1": top1}} if split else {}}
    return progress.keep_best(now._replace(state=at(round, value)), measured)


def test_the_best_is_the_first_of_the_highest():
    now = progress.fresh(at(0, 7.0))
    assert progress.best_round(now) is None and now.best["s"].variables.params == 7
    for round, top1 in ((1, 0.5), (2, 0.75), (3, 0.75), (4, 0.25)):
        now = after(now, round, float(round), top1)
    assert now.best["s"].variables.params == 2 and now.best["s"].measures == {"test": {"top1": 0.75}}
    assert progress.best_round(now) == now.best["s"].round == 2


def test_a_best_on_another_split_is_no_measure_to_beat():
    now = after(after(progress.fresh(at(0)), 1, 1.0, 0.75), 2, 2.0, 0.5, split="validation")
    assert now.best["s"].measures == {"validation": {"top1": 0.5}} and progress.best_round(now) == 2


def test_without_data_a_best_stays():
    """Also one that was measured before the data went away."""
    assert progress.best_round(after(progress.fresh(at(0)), 1, 1.0, 0.5, split="")) is None
    assert progress.best_round(after(after(progress.fresh(at(0)), 1, 1.0, 0.5), 2, 2.0, 0.9, split="")) == 1


def test_a_measure_that_is_not_finite_evicts_no_best():
    now = after(progress.fresh(at(0)), 1, 1.0, None)
    assert now.best["s"].measures == {} and now.best["s"].variables.params == 0, "not even as the first"
    now = after(now, 2, 2.0, 0.5)
    broken = {"s": {"test": {"top1": 0.9, "loss": None}}}
    assert progress.keep_best(now._replace(state=at(3, 3.0)), broken).best == now.best


def test_further_measures_of_a_best():
    now = progress.add_to_best(after(progress.fresh(at(0)), 1, 1.0, 0.5), {"s": {"exam": {"top1": 0.25}}})
    assert now.best["s"].measures == {"test": {"top1": 0.5}, "exam": {"top1": 0.25}}


def test_saved_and_restored(tmp_path):
    now = after(progress.fresh(at(0)), 3, 3.0, 0.5)._replace(seconds=1.5, skipped={"step": 2}, collapsed=("diversity",))
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        assert progress.newest(checkpoints, now) is None
        progress.save(checkpoints, now)
    with Checkpoints(tmp_path, keep=None) as checkpoints:
        found = progress.newest(checkpoints, progress.fresh(at(0)))
    assert found == now


def test_a_checkpoint_of_another_version_is_refused(tmp_path):
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        player = at(1).students["s"].variables
        checkpoints.save(1, {"state": at(1), "best": {"s": player}}, {"measures": {}, "seconds": 0.0})
        with pytest.raises(InputError, match="another version"):
            progress.newest(checkpoints, progress.fresh(at(0)))
