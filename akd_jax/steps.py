"""Steps made of steps."""

import jax

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
            metrics |= reported
        return state, metrics

    return joined


def counted(step: Step) -> Step:
    """The step as one round: `state.step` counts it."""

    def round(state, teacher, key):
        state, metrics = step(state, teacher, key)
        return state.replace(step=state.step + 1), metrics

    return round
