"""Steps made of steps."""

import jax
import jax.numpy as jnp

from akd_jax.types import Step


def repeat(step: Step, times: int) -> Step:
    """The step `times` times, each with a key of its own; metrics are means over the repetitions."""

    def repeated(state, teacher, key):
        state, metrics = jax.lax.scan(lambda state, key: step(state, teacher, key), state, jax.random.split(key, times))
        return state, jax.tree.map(lambda values: values.mean(0), metrics)

    return repeated


def in_turn(*steps: Step) -> Step:
    """One step after the other, each with a key of its own; together they report the metrics of all."""

    def joined(state, teacher, key):
        metrics = {}
        for step, step_key in zip(steps, jax.random.split(key, len(steps)), strict=True):
            state, reported = step(state, teacher, step_key)
            if twice := metrics.keys() & reported.keys():
                raise ValueError(f"two steps of one round report {', '.join(twice)}")
            metrics |= reported
        return state, metrics

    return joined


def run_rounds(round: Step, num_rounds: int) -> Step:
    """`num_rounds` rounds as one `lax.scan`; metrics are [num_rounds], and `state.step` has counted them.

    Round r's key is the run's key with r folded in, r counted from the run's first round. So five rounds and
    five more are ten, and a run resumes from its state and its key alone.
    """

    def rounds(state, teacher, key):
        keys = jax.vmap(jax.random.fold_in, (None, 0))(key, state.step + jnp.arange(num_rounds))

        def body(state, key):
            state, metrics = round(state, teacher, key)
            return state.replace(step=state.step + 1), metrics

        return jax.lax.scan(body, state, keys)

    return rounds
