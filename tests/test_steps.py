"""Combinators: on a step whose arithmetic a person can do, and on a real game."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import pytest
from exact import EXACT
from hlo import CANONICAL, convolution_groups, convolution_labels
from tiny_game import equal, make_game

from akd_jax.steps import averaged, guarded, in_turn, members, repeat, run_rounds, run_rounds_up_to
from akd_jax.types import AKDState, NetworkState


def add(amount):
    def step(state, teacher, key):
        return state.replace(memory=state.memory + amount), {f"after_{amount}": state.memory + amount}

    return step


def keys_seen(state, teacher, key):
    """Notes its key in the memory, newest last."""
    noted = jnp.concatenate([state.memory[1:], jax.random.key_data(key)[None]])
    return state.replace(memory=noted), {}


def state_with(memory):
    nobody = NetworkState(params=(), batch_stats=(), opt_state=())
    return AKDState(step=jnp.zeros((), jnp.int32), students={}, generator=nobody, memory=memory)


def test_repeat_reports_the_mean():
    state, metrics = repeat(add(2.0), 3)(state_with(jnp.float32(1)), None, jax.random.key(0))
    assert state.memory == 7
    assert metrics == {"after_2.0": (3 + 5 + 7) / 3}


def times(factor):
    """Memory times the factor; the generator's batch statistics become one over it."""

    def step(state, teacher, key):
        memory = state.memory * factor
        return state.replace(memory=memory, generator=state.generator.replace(batch_stats=[1 / memory, jnp.ones(2)])), {
            "product": memory,
            "root": {"a": jnp.sqrt(memory)},
        }

    return step


@pytest.mark.parametrize(
    ("factor", "bad"),
    [
        (2.0, []),
        (jnp.inf, ["product", "root of a"]),
        (-1.0, ["root of a"]),
        (0.0, ["batch statistics of generator"]),
        (jnp.nan, ["product", "root of a", "batch statistics of generator"]),
    ],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_a_guarded_step_is_taken_whole_or_not_at_all(factor, bad, compiled):
    state = state_with(jnp.float32(3)).replace(generator=NetworkState((), [jnp.float32(0), jnp.zeros(2)], ()))
    step = guarded(times(factor), "times")
    after, metrics = (jax.jit(step) if compiled else step)(state, None, jax.random.key(0))
    faults = metrics["times_faults"]
    assert [*faults] == ["product", "root of a", "batch statistics of generator"]
    assert [name for name, fault in faults.items() if fault] == bad
    assert equal(after, state) if bad else after.memory == 6


def test_a_step_left_out_does_not_spoil_the_mean_of_the_others():
    """Keys choose: a step with an odd one is not finite."""

    def odd_is_bad(state, teacher, key):
        odd = jax.random.key_data(key)[1] % 2 == 1
        return state.replace(memory=state.memory + 1), {"loss": jnp.where(odd, jnp.nan, state.memory)}

    key = jax.random.key(0)
    odd = [bool(jax.random.key_data(each)[1] % 2) for each in jax.random.split(key, 8)]
    assert 0 < sum(odd) < 8
    state, metrics = repeat(guarded(odd_is_bad, "step"), 8)(state_with(jnp.float32(0)), None, key)
    taken = 8 - sum(odd)
    assert state.memory == taken and metrics["loss"] == sum(range(taken)) / taken
    assert metrics["step_faults"]["loss"].tolist() == odd


def test_means_are_of_what_is_finite():
    found = averaged({"loss": jnp.array([1.0, jnp.nan, 3.0, jnp.inf]), "flag": jnp.array([True, False, True, True])})
    assert found["loss"] == 2 and found["flag"].tolist() == [True, False, True, True]
    assert jnp.isnan(averaged({"loss": jnp.array([jnp.nan, jnp.inf])})["loss"])
    assert averaged({"loss": jnp.array([[1.0, 2.0], [jnp.nan, 6.0]])}, (0, 1))["loss"] == 3


def test_in_turn_runs_in_order_and_reports_all():
    state, metrics = in_turn(add(1.0), add(10.0))(state_with(jnp.float32(0)), None, jax.random.key(0))
    assert state.memory == 11
    assert metrics == {"after_1.0": 1, "after_10.0": 11}


def test_in_turn_refuses_to_lose_a_metric():
    with pytest.raises(ValueError, match=r"after_1\.0"):
        in_turn(add(1.0), add(1.0))(state_with(jnp.float32(0)), None, jax.random.key(0))


def test_every_step_gets_a_key_of_its_own():
    step = in_turn(repeat(keys_seen, 3), keys_seen)
    state, _ = step(state_with(jnp.zeros((4, 2), jnp.uint32)), None, jax.random.key(0))
    seen = {tuple(map(int, row)) for row in state.memory} | {tuple(map(int, jax.random.key_data(jax.random.key(0))))}
    assert len(seen) == 5


def exactly(function):
    return jax.jit(function, compiler_options=EXACT)


@pytest.fixture(scope="module")
def game():
    return make_game()


@pytest.mark.slow
def test_five_and_five_rounds_are_ten_bitwise(game):
    key = jax.random.key(3)
    ten, five = (exactly(run_rounds(game.method.turns["large"].round, rounds)) for rounds in (10, 5))
    at_once, metrics = ten(game.state, game.teacher_variables, key)
    half, first = five(game.state, game.teacher_variables, key)
    whole, second = five(half, game.teacher_variables, key)
    assert equal(at_once, whole)
    assert equal(metrics, jax.tree.map(lambda *parts: jnp.concatenate(parts), first, second))
    assert at_once.step == 10


@pytest.mark.parametrize("at_a_time", [1, 5, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 10))])
def test_one_program_plays_any_number_of_rounds_with_the_same_numbers_bitwise(game, at_a_time):
    round, key = game.method.turns["large"].round, jax.random.key(3)
    wanted, metrics = exactly(run_rounds(round, 10))(game.state, game.teacher_variables, key)
    program, state, parts = exactly(run_rounds_up_to(round, 10)), game.state, []
    for _ in range(10 // at_a_time):
        state, part = program(state, game.teacher_variables, key, jnp.int32(at_a_time))
        parts.append(jax.tree.map(lambda values: values[:at_a_time], part))
        assert not any(values[at_a_time:].any() for values in jax.tree.leaves(part))
    assert equal(state, wanted)
    assert equal(metrics, jax.tree.map(lambda *each: jnp.concatenate(each), *parts))


def test_one_trace_for_each_student_whatever_the_number_of_rounds(game):
    key, state = jax.random.key(0), game.state
    for turn in game.method.turns.values():
        chex.clear_trace_counter()
        program = jax.jit(chex.assert_max_traces(run_rounds_up_to(turn.round, 3), n=1), donate_argnums=0)
        for rounds in (1, 2, 3):
            state, _ = program(jax.tree.map(jnp.copy, state), game.teacher_variables, key, jnp.int32(rounds))
    assert state.step == 2 * (1 + 2 + 3)


def test_no_key_is_used_twice(game):
    round = game.method.turns["large"].round
    with jax.debug_key_reuse(True):
        for rounds in (run_rounds(round, 2), partial(run_rounds_up_to(round, 2), rounds=jnp.int32(2))):
            rounds(game.state, game.teacher_variables, jax.random.key(0))


def test_compiled_rounds_have_only_canonical_convolutions(game):
    for turn in game.method.turns.values():
        for rounds in (run_rounds(turn.round, 2), partial(run_rounds_up_to(turn.round, 2), rounds=jnp.int32(2))):
            program = jax.jit(rounds).lower(game.state, game.teacher_variables, jax.random.key(0))
            assert convolution_labels(program.compile()) == CANONICAL


def test_whether_a_step_is_taken_is_worked_out_once(game):
    """And not again in the kernel of each of the state's arrays, of which there are many more than quantities."""
    turn = game.method.turns["large"]
    program = jax.jit(run_rounds(turn.round, 2)).lower(game.state, game.teacher_variables, jax.random.key(0)).compile()
    _, metrics = jax.eval_shape(turn.round, game.state, game.teacher_variables, jax.random.key(0))
    quantities = sum(leaf.dtype == bool for leaf in jax.tree.leaves(metrics))
    assert len(jax.tree.leaves(game.state)) > 5 * quantities
    assert program.as_text().count(" is-finite(") <= 3 * quantities  # of each to choose, to report and for the means


def test_a_round_lowers_for_accelerators(game):
    program = jax.jit(run_rounds(game.method.turns["small"].round, 2))
    traced = program.trace(game.state, game.teacher_variables, jax.random.key(0))
    traced.lower(lowering_platforms=("cuda", "tpu"))  # raises where it does not


@pytest.fixture(scope="module")
def three(game):
    """(their states, their keys, the rounds that each plays)."""
    states = jax.vmap(game.method.init)(jax.random.split(jax.random.key(0), 3))
    return states, jax.random.split(jax.random.key(3), 3), run_rounds(game.method.turns["large"].round, 2)


def member(i, tree):
    return jax.tree.map(lambda leaf: leaf[i], tree)


def test_members_begin_as_they_would_alone(game, three):
    init = jax.jit(game.method.init)
    for i, key in enumerate(jax.random.split(jax.random.key(0), 3)):
        chex.assert_trees_all_close(member(i, three[0]), init(key), rtol=1e-6)


@pytest.mark.slow
def test_members_play_as_they_would_alone(game, three):
    """On CPU bitwise, since they play one after another."""
    states, keys, rounds = three
    together, alone = exactly(members(rounds))(states, game.teacher_variables, keys), exactly(rounds)
    for i, key in enumerate(keys):
        assert equal(member(i, together), alone(member(i, states), game.teacher_variables, key))


def test_compiled_members_have_only_convolutions_that_are_fast_on_cpu(game, three):
    states, keys, rounds = three
    program = jax.jit(members(rounds)).lower(states, game.teacher_variables, keys).compile()
    assert convolution_labels(program) == CANONICAL and convolution_groups(program) == {1}


def test_a_plain_vmap_makes_grouped_convolutions(game, three):
    """What members of a step are spared on CPU; where XLA no longer does it, `members` may be a vmap alone."""
    states, keys, rounds = three
    program = jax.jit(jax.vmap(rounds, (0, None, 0))).lower(states, game.teacher_variables, keys).compile()
    assert convolution_groups(program) > {1}


def test_members_move_together_on_an_accelerator(game, three):
    states, keys, rounds = three

    traced = jax.jit(members(rounds)).trace(states, game.teacher_variables, keys)

    def lowered(platform):
        return traced.lower(lowering_platforms=(platform,)).as_text()

    grouped = f"feature_group_count = {len(keys)} "
    assert grouped in lowered("cuda") and grouped in lowered("tpu")
    assert grouped not in lowered("cpu")
