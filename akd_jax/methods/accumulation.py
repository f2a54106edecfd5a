"""Gradients accumulated: a batch that does not fit is played as several smaller ones, which make one update."""

import jax
import optax

from akd_jax.types import Step


def of_mean(optimizer: optax.GradientTransformation, times: int) -> optax.GradientTransformation:
    """The optimizer, moved at every `times`-th gradient by the mean of these, and by none in between."""
    return optimizer if times == 1 else optax.MultiSteps(optimizer, times).gradient_transformation()


def accumulated(step: Step, times: int) -> Step:
    """One step made of `times` of a player whose optimizer is `of_mean`: each draws a smaller batch, the last moves it.

    Batch norms see one smaller batch after another, and their running statistics move with each. Metrics are means over
    the smaller steps, and not finite where one is not: a guard around it leaves all of them out, or none.
    """
    if times == 1:
        return step

    def whole(state, teacher, key):
        state, metrics = jax.lax.scan(lambda state, key: step(state, teacher, key), state, jax.random.split(key, times))
        return state, jax.tree.map(lambda values: values.mean(0), metrics)

    return whole
