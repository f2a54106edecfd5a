"""Rounds and dispatches."""

import chex
import jax
import jax.numpy as jnp
import pytest
from hlo import convolution_labels
from jax import export
from tiny_game import equal, make_game

from akd_jax.schedule import dispatches, run_rounds


@pytest.fixture(scope="module")
def game():
    return make_game()


def test_five_and_five_rounds_are_ten_bitwise(game):
    key = jax.random.key(3)
    ten, five = (jax.jit(run_rounds(game.method.turns["large"], rounds)) for rounds in (10, 5))
    at_once, metrics = ten(game.state, game.teacher_variables, key)
    half, first = five(game.state, game.teacher_variables, key)
    whole, second = five(half, game.teacher_variables, key)
    assert equal(at_once, whole)
    assert equal(metrics, jax.tree.map(lambda *parts: jnp.concatenate(parts), first, second))
    assert at_once.step == 10


def test_one_trace_for_each_student_and_length(game):
    key, state = jax.random.key(0), game.state
    for turn in game.method.turns.values():
        chex.clear_trace_counter()
        program = jax.jit(chex.assert_max_traces(run_rounds(turn, 2), n=1), donate_argnums=0)
        for _ in range(3):
            state, _ = program(jax.tree.map(jnp.copy, state), game.teacher_variables, key)
    assert state.step == 6 * 2


def test_no_key_is_used_twice(game):
    with jax.debug_key_reuse(True):
        run_rounds(game.method.turns["large"], 2)(game.state, game.teacher_variables, jax.random.key(0))


def test_compiled_rounds_have_only_canonical_convolutions(game):
    for turn in game.method.turns.values():
        program = jax.jit(run_rounds(turn, 2))
        labels = convolution_labels(program, game.state, game.teacher_variables, jax.random.key(0))
        assert labels == {"b01f_01io->b01f"}


def test_a_round_lowers_for_accelerators(game):
    program = jax.jit(run_rounds(game.method.turns["small"], 2))
    data = jax.random.key_data(jax.random.key(0))

    def from_key_data(state, teacher, data):
        return program(state, teacher, jax.random.wrap_key_data(data))

    exported = export.export(jax.jit(from_key_data), platforms=["cuda", "tpu"])
    module = exported(game.state, game.teacher_variables, data)
    assert set(module.platforms) == {"cuda", "tpu"}


def test_an_epoch_plays_every_turn_in_order():
    plan = list(dispatches(("a", "b"), epochs=2, rounds_per_epoch=3, rounds_per_dispatch=2))
    assert [tuple(dispatch) for dispatch in plan] == [
        ("a", 0, 0, 2), ("a", 0, 2, 1), ("b", 0, 3, 2), ("b", 0, 5, 1),
        ("a", 1, 6, 2), ("a", 1, 8, 1), ("b", 1, 9, 2), ("b", 1, 11, 1),
    ]  # fmt: skip
    assert plan[-1].stop == 12


@pytest.mark.parametrize("start", range(13))
def test_a_resumed_plan_plays_each_round_that_is_left_once_and_in_its_turn(start):
    def rounds(plan):
        return [(d.turn, d.epoch, r) for d in plan for r in range(d.start, d.stop)]

    settings = {"epochs": 2, "rounds_per_epoch": 3, "rounds_per_dispatch": 2}
    assert rounds(dispatches(("a", "b"), **settings, start=start)) == rounds(dispatches(("a", "b"), **settings))[start:]


def test_no_epochs_no_dispatches():
    assert not list(dispatches(("a",), epochs=0, rounds_per_epoch=3, rounds_per_dispatch=2))
