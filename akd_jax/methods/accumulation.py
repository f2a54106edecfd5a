"""Gradients accumulated: a batch that does not fit is played in parts, which make one update."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from akd_jax.types import Array, Step


def of_mean(optimizer: optax.GradientTransformation, parts: int) -> optax.GradientTransformation:
    """The optimizer, moved at every so many gradients by the mean of these, and by none in between."""
    return optimizer if parts == 1 else optax.MultiSteps(optimizer, parts).gradient_transformation()


def accumulated(step: Step, parts: int, *, share: Callable[[Any, Array], Any] = lambda given, part: given) -> Step:
    """One step made of so many of players whose optimizer is `of_mean`: each is of a part of a batch, the last moves.

    share: (what the whole step is given, number of the part []) -> what the part is given.
    Batch norms see one part after another, and their running statistics move with each. Metrics are means over the
    parts, and not finite where one is not: a guard around it leaves all of them out, or none. So a gradient's norm is
    the mean of the parts' norms, not the norm of the mean gradient, which is what moves. What no part moves comes back
    as it is, the same arrays, as of any step (`lax.scan` does so).
    """
    if parts == 1:
        return step

    def whole(state, given, key):
        def one(state, drawn):
            part, key = drawn
            return step(state, share(given, part), key)

        state, metrics = jax.lax.scan(one, state, (jnp.arange(parts), jax.random.split(key, parts)))
        return state, jax.tree.map(lambda values: values.mean(0), metrics)

    return whole


def in_parts(draw: Callable[[Array], Any], key: Array, parts: int) -> Any:
    """What is drawn with the keys of the parts of an `accumulated` step of this key, [parts, ...]; of one, as it is."""
    return draw(key) if parts == 1 else jax.lax.map(draw, jax.random.split(key, parts))


def part_of(drawn: Any, part: Array) -> Any:
    """For `accumulated`: of what `in_parts` drew, what this part is given."""
    return jax.tree.map(lambda leaf: leaf[part], drawn)
