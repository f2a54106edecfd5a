"""Which turn plays when."""

import pytest

from akd_jax.schedule import Schedule, dispatches, rounds_by_turn


def test_an_epoch_plays_every_turn_in_order():
    schedule = Schedule(("a", "b"), epochs=2, rounds_per_epoch=3, rounds_per_dispatch=2)
    plan = list(dispatches(schedule))
    assert [tuple(dispatch) for dispatch in plan] == [
        ("a", 0, 0, 2), ("a", 0, 2, 1), ("b", 0, 3, 2), ("b", 0, 5, 1),
        ("a", 1, 6, 2), ("a", 1, 8, 1), ("b", 1, 9, 2), ("b", 1, 11, 1),
    ]  # fmt: skip
    assert plan[-1].stop == schedule.rounds == 12 and schedule.rounds_in_epoch == 6


@pytest.mark.parametrize("start", range(13))
def test_a_resumed_plan_plays_each_round_that_is_left_once_and_in_its_turn(start):
    def rounds(plan):
        return [(d.turn, d.epoch, r) for d in plan for r in range(d.start, d.stop)]

    schedule = Schedule(("a", "b"), epochs=2, rounds_per_epoch=3, rounds_per_dispatch=2)
    assert rounds(dispatches(schedule, start)) == rounds(dispatches(schedule))[start:]


def test_no_epochs_no_dispatches():
    assert not list(dispatches(Schedule(("a",), epochs=0, rounds_per_epoch=3, rounds_per_dispatch=2)))


@pytest.mark.parametrize("played", range(19))
def test_rounds_by_turn_counts_what_the_plan_plays(played):
    schedule = Schedule(("a", "b", "c"), epochs=2, rounds_per_epoch=3, rounds_per_dispatch=1)
    turns = [dispatch.turn for dispatch in dispatches(schedule)][:played]
    wanted = {turn: turns.count(turn) for turn in "abc"}
    assert rounds_by_turn(schedule, played) == wanted
