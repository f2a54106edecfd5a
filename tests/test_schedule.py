"""Which turn plays when."""

import math

import pytest

from akd_jax.schedule import DISPATCH_SECONDS, Schedule, fitting, next_dispatch, rounds_by_turn


def dispatches(schedule, start=0, paces=()):
    """From round `start` to the run's end."""
    while start < schedule.rounds:
        dispatch = next_dispatch(schedule, start, dict(paces))
        yield dispatch
        start = dispatch.stop


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


def test_what_is_left_open_is_decided_by_each_turns_pace():
    schedule = Schedule(("slow", "fast", "new"), epochs=1, rounds_per_epoch=6, rounds_per_dispatch=0)
    plan = dispatches(schedule, paces={"slow": DISPATCH_SECONDS / 2, "fast": DISPATCH_SECONDS / 1000})
    wanted = [("slow", 2)] * 3 + [("fast", 6)] + [("new", 1)] * 6
    assert [(dispatch.turn, dispatch.rounds) for dispatch in plan] == wanted


def test_a_dispatch_whose_length_is_left_open_ends_with_its_turn():
    schedule = Schedule(("a", "b"), epochs=1, rounds_per_epoch=6, rounds_per_dispatch=0)
    assert next_dispatch(schedule, 4, {"a": 0.0}).stop == 6


@pytest.mark.parametrize(
    ("share", "wanted"),  # of DISPATCH_SECONDS, that a round takes; rounds of an epoch of 100
    [(0.0, 100), (0.01, 100), (0.011, 50), (0.029, 34), (0.3, 3), (0.5, 2), (0.6, 1), (7.0, 1), (math.inf, 1)],
)
def test_as_many_rounds_as_fit_in_dispatches_of_about_equal_length(share, wanted):
    assert fitting(share * DISPATCH_SECONDS, 100) == wanted


def test_a_dispatch_ends_well_before_a_signal_has_to_be_answered():
    """The 30 s that are left to whoever is asked to stop."""
    for seconds in (0.001, 0.3, 4.0, 9.99):
        assert fitting(seconds, 100) * seconds <= DISPATCH_SECONDS <= 30 / 2


def test_epochs_in_which_students_sit_out_come_first():
    """With as many rounds, and none of another turn."""
    schedule = Schedule(("a", "b"), epochs=3, rounds_per_epoch=2, rounds_per_dispatch=2, filling=1)
    plan = [tuple(dispatch) for dispatch in dispatches(schedule)]
    assert plan[:4] == [("filling", 0, 0, 2), ("filling", 0, 2, 2), ("a", 1, 4, 2), ("b", 1, 6, 2)]
    assert schedule.kinds == ("filling", "a", "b") and schedule.rounds == 12


@pytest.mark.parametrize("filling", [0, 1])
@pytest.mark.parametrize("played", range(19))
def test_rounds_by_turn_counts_what_the_plan_plays(played, filling):
    schedule = Schedule(("a", "b", "c"), epochs=2, rounds_per_epoch=3, rounds_per_dispatch=1, filling=filling)
    turns = [dispatch.turn for dispatch in dispatches(schedule)][:played]
    wanted = {turn: turns.count(turn) for turn in schedule.kinds}
    assert rounds_by_turn(schedule, played) == wanted
