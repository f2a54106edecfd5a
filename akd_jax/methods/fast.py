"""Fast-Datafree: a generator from which a few steps lead to the next batch, and students who learn from all batches.

Fang et al. 2022, arXiv:2112.06253.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from akd_jax.methods.match import Match
from akd_jax.methods.players import moved
from akd_jax.methods.renewal import renewal
from akd_jax.methods.replay import replayed
from akd_jax.methods.synthesis import Weights, kept, loss_of, synthesise
from akd_jax.norm import norm
from akd_jax.sharding import as_it_is
from akd_jax.types import AKDState, Array, Method, Network, NetworkState, Step, Variables


def fast(
    *networks: Network,
    batch_size: int,
    synthesis_steps: int,
    classes: int,
    to_pixels: Callable[[Array], Array],
    augment: Callable[[Array, Array], Array],
    weights: Weights,
    reset_at: int,
    first_layers: Sequence[str],
    inner_optimizer: optax.GradientTransformation,
    split: Callable[[Array], Array] = as_it_is,
    **common: Any,
) -> Method:
    """Rounds of one synthesis, then student steps on images of the bank (`replayed`).

    A synthesis starts from the generator, takes `synthesis_steps` steps with a copy of it and with latents that move
    too, keeps the batch of the lowest loss in the bank, and moves the generator by the sum of the copy's gradients
    (first-order MAML). Its loss has these weights, with random classes.
    to_pixels: images as networks see them [B, H, W, C] -> uint8, as the bank has them.
    augment: (key, images) -> images, as networks see them: of the students' images, and of a synthesis' in each of its
    steps, anew, while the bank has them as they were drawn.
    reset_at: rounds of all students, after which the modules `first_layers` of the generator begin anew, with weights
    of N(0, 0.02^2) and no biases.
    inner_optimizer: of {"params": the copy's, "latents": [B, Z]}, fresh for each synthesis.
    split, networks, common: as of `replayed` and `assemble`.
    """

    def synthesis(match: Match, outer: optax.GradientTransformation) -> Step:
        def step(state: AKDState, teacher_variables: Variables, key: Array):
            latents_key, labels_key, steps_key = jax.random.split(key, 3)
            labels = split(jax.random.randint(labels_key, (batch_size,), 0, classes))

            def loss(moving, batch_stats, key):
                variables = Variables(moving["params"], batch_stats)
                images, batch_stats = match.generator.apply(variables, moving["latents"], train=True)
                value, seen = loss_of(weights, match, state, teacher_variables, augment(key, images), labels)
                return value, (images, batch_stats, seen)

            moving = {"params": state.generator.params, "latents": match.sample_latents(latents_key)}
            made = synthesise(
                loss, moving, state.generator.batch_stats, inner_optimizer, steps_key, steps=synthesis_steps
            )
            total = made.gradients["params"]
            state = state.replace(
                generator=moved(state.generator, total, made.batch_stats, outer),
                memory=kept(state.memory, to_pixels(made.best), made.statistics, weights.batch_norm_memory),
            )
            return state, {"generator_loss": made.losses.mean(), "generator_gradient_norm": norm(total)}

        return step

    def anew(generator: NetworkState, key: Array) -> NetworkState:
        return generator.replace(params=_renewed(generator.params, key, first_layers))

    return replayed(
        *networks,
        synthesis=synthesis,
        syntheses=1,
        shown=synthesis_steps * batch_size,
        renewed=lambda match: renewal(anew, lambda played: played == reset_at),
        batch_size=batch_size,
        augment=augment,
        split=split,
        **common,
    )


def _renewed(params: Any, key: Array, modules: Sequence[str]) -> Any:
    """The parameters with new ones in these modules: N(0, 0.02^2), biases 0."""

    def new(module: str, key: Array) -> Any:
        keys = iter(jax.random.split(key, len(params[module])))
        return {
            name: jnp.zeros_like(leaf)
            if name == "bias"
            else 0.02 * jax.random.normal(next(keys), leaf.shape, leaf.dtype)
            for name, leaf in sorted(params[module].items())
        }

    return params | {m: new(m, k) for m, k in zip(modules, jax.random.split(key, len(modules)), strict=True)}
