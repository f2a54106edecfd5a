"""What a run remembers of its students' bests."""

import jax.numpy as jnp
import pytest
from commands import contents
from damage import DAMAGES

from akd_jax.checkpoint import Checkpoints
from akd_jax.errors import InputError, SavedStateError
from akd_jax.training import progress
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
    assert now.best["s"].measures == {} and now.best["s"].variables.params == 7
    for round, top1 in ((1, 0.5), (2, 0.75), (3, 0.75), (4, 0.25)):
        now = after(now, round, float(round), top1)
    assert now.best["s"].variables.params == 2 and now.best["s"].measures == {"test": {"top1": 0.75}}
    assert (now.best["s"].round, now.no_better) == (2, 2)


def test_the_best_is_in_every_checkpoint(tmp_path):
    """However long ago it was."""
    now = progress.fresh(at(0))
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        for round in range(1, 23):
            now = after(now, round, float(round), 0.75 if round == 2 else 0.5)
            progress.save(checkpoints, now)
    assert {path.name for path in tmp_path.iterdir()} == {"21", "22"}
    found, _ = progress.newest(tmp_path, progress.fresh(at(0)))
    assert found == now and (found.round, found.best["s"].round, found.best["s"].variables.params) == (22, 2, 2.0)


def test_a_best_on_another_split_is_no_measure_to_beat():
    now = after(after(progress.fresh(at(0)), 1, 1.0, 0.75), 2, 2.0, 0.5, split="validation")
    assert now.best["s"].measures == {"validation": {"top1": 0.5}}
    assert (now.best["s"].round, now.no_better) == (2, 0)


def test_without_data_a_best_stays():
    """Also one that was measured before the data went away; and evaluations that measure nothing do not count."""
    assert after(progress.fresh(at(0)), 1, 1.0, 0.5, split="").best["s"].measures == {}
    now = after(after(progress.fresh(at(0)), 1, 1.0, 0.5), 2, 2.0, 0.9, split="")
    assert (now.best["s"].round, now.no_better) == (1, 0)


def test_a_measure_that_is_not_finite_evicts_no_best():
    now = after(progress.fresh(at(0)), 1, 1.0, None)
    assert now.best["s"].measures == {} and now.best["s"].variables.params == 0, "not even as the first"
    now = after(now, 2, 2.0, 0.5)
    broken = {"s": {"test": {"top1": 0.9, "loss": None}}}
    on_another_split = {"s": {"test": {"top1": 0.9}, "validation": {"top1": None}}}
    for measured in (broken, on_another_split):
        assert progress.keep_best(now._replace(state=at(3, 3.0)), measured).best == now.best


def test_further_measures_of_a_best():
    now = progress.add_to_best(after(progress.fresh(at(0)), 1, 1.0, 0.5), {"s": {"exam": {"top1": 0.25}}})
    assert now.best["s"].measures == {"test": {"top1": 0.5}, "exam": {"top1": 0.25}}


def save(directory, *rounds):
    with Checkpoints(directory, keep=9) as checkpoints:
        for round in rounds:
            progress.save(checkpoints, PLAYED._replace(state=at(round, round)))


PLAYED = after(progress.fresh(at(0)), 3, 3.0, 0.5)._replace(
    last={"s": {"test": {"top1": 0.25}}},
    seconds=1.5,
    teacher_queries=2**40,
    flops=2**70,
    skipped={"step": 2},
    collapsed=("diversity",),
    evaluated=3,
    ending="all rounds are played",
)


def test_saved_and_restored(tmp_path):
    start = progress.fresh(at(0))
    assert progress.newest(tmp_path, start) == (None, [])
    save(tmp_path, 3)
    assert progress.newest(tmp_path, start) == (PLAYED, [])


@pytest.mark.parametrize("damage", ["a number of the record", "a byte of the arrays' metadata", "an empty directory"])
def test_damaged_checkpoints_are_named_and_skipped(tmp_path, capsys, damage):
    save(tmp_path, 3, 4, 5)
    for round in (4, 5):
        DAMAGES[damage](tmp_path / str(round))
    before = contents(tmp_path)
    assert progress.newest(tmp_path, progress.fresh(at(0))) == (PLAYED, [5, 4])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all(line.endswith(": going on from checkpoint 3") for line in lines)
    assert lines[0].startswith(f"warning: checkpoint 5 in {tmp_path} is damaged: ") and "checkpoint 4 in" in lines[1]
    assert contents(tmp_path) == before


def test_all_checkpoints_are_damaged(tmp_path):
    save(tmp_path, 3, 4)
    for round in (3, 4):
        DAMAGES["no record"](tmp_path / str(round))
    before = contents(tmp_path)
    with pytest.raises(SavedStateError, match=r"no readable checkpoint in .*checkpoint 4 in .*checkpoint 3 in "):
        progress.newest(tmp_path, progress.fresh(at(0)))
    assert contents(tmp_path) == before


def test_other_networks_are_no_reason_to_fall_back(tmp_path):
    save(tmp_path, 3, 4)
    state = at(0)
    other = state.replace(generator=state.generator.replace(params=jnp.zeros(2)))
    with pytest.raises(InputError, match=r"state/generator/params: saved float32\[\], wanted float32\[2\]"):
        progress.newest(tmp_path, progress.fresh(other))
