"""Generators that begin anew, all of one or a part, before a round that is due."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from akd_jax.types import AKDState, Array, NetworkState, Step, Variables


def renewal(anew: Callable[[NetworkState, Array], NetworkState], due: Callable[[Array], Array]) -> Step:
    """A step that is no player's own: nothing that is left out beside it takes it back. It reports nothing.

    anew: (the generator, key) -> the one to go on with. due: rounds played [] -> bool [].
    """

    def step(state: AKDState, teacher_variables: Variables, key: Array):
        is_due = due(state.step)
        generator = jax.tree.map(
            lambda new, old: old if new is old else jnp.where(is_due, new, old),
            anew(state.generator, key),
            state.generator,
        )
        return state.replace(generator=generator), {}

    return step
