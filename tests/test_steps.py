"""Combinators, on a step whose arithmetic a person can do."""

import jax
import jax.numpy as jnp

from akd_jax.steps import counted, in_turn, repeat
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


def test_in_turn_runs_in_order_and_reports_all():
    state, metrics = in_turn(add(1.0), add(10.0))(state_with(jnp.float32(0)), None, jax.random.key(0))
    assert state.memory == 11
    assert metrics == {"after_1.0": 1, "after_10.0": 11}


def test_counted_counts_one_round():
    step = counted(in_turn(add(1.0), repeat(add(1.0), 5)))
    state, _ = step(state_with(jnp.float32(0)), None, jax.random.key(0))
    assert state.step == 1
    assert state.step.dtype == jnp.int32


def test_every_step_gets_a_key_of_its_own():
    step = in_turn(repeat(keys_seen, 3), keys_seen)
    state, _ = step(state_with(jnp.zeros((4, 2), jnp.uint32)), None, jax.random.key(0))
    seen = {tuple(map(int, row)) for row in state.memory} | {tuple(map(int, jax.random.key_data(jax.random.key(0))))}
    assert len(seen) == 5
