"""DeepInversion: images whose pixels themselves move until the teacher knows them, and students who learn from all.

Yin et al. 2020, arXiv:1912.08795; with its adversarial weight above 0 it is Adaptive DeepInversion.
"""

from collections.abc import Callable
from typing import Any

import jax
import optax

from akd_jax.methods.match import Match
from akd_jax.methods.replay import replayed
from akd_jax.methods.synthesis import Weights, kept, loss_of, synthesise
from akd_jax.norm import norm
from akd_jax.objectives import Loss
from akd_jax.priors import total_variation
from akd_jax.sharding import as_it_is
from akd_jax.types import AKDState, Array, Method, Network, Step, Variables


def deepinversion(
    *networks: Network,
    batch_size: int,
    syntheses: int,
    filling_syntheses: int,
    synthesis_steps: int,
    classes: int,
    to_pixels: Callable[[Array], Array],
    augment: Callable[[Array, Array], Array],
    weights: Weights,
    total_variation_weight: float,
    raised: Loss | None,
    generator_optimizer: Callable[[int], optax.GradientTransformation],
    split: Callable[[Array], Array] = as_it_is,
    **common: Any,
) -> Method:
    """Rounds of `syntheses` syntheses, then student steps on images of the bank (`replayed`).

    A synthesis draws latents and takes `synthesis_steps` steps with them; the batch of the lowest loss goes to the
    bank. Its loss has these weights, with random classes, and total variation as weighted. The generator, of which
    nothing moves, says what latents are: with "pixels" they are the images themselves.
    raised: as of `replayed`; Adaptive DeepInversion's is `jensen_shannon`, DeepInversion has None.
    to_pixels, augment: as of `fast`. generator_optimizer: (steps) -> a synthesis' own, fresh for each.
    split, networks, common: as of `replayed` and `assemble`.
    """
    inner = generator_optimizer(synthesis_steps)

    def synthesis(match: Match, _: optax.GradientTransformation) -> Step:
        def step(state: AKDState, teacher_variables: Variables, key: Array):
            latents_key, labels_key, steps_key = jax.random.split(key, 3)
            labels = split(jax.random.randint(labels_key, (batch_size,), 0, classes))

            def loss(latents, batch_stats, key):
                images, batch_stats = match.generator.apply(
                    Variables(state.generator.params, batch_stats), latents, train=True
                )
                shown = augment(key, images)
                value, seen = loss_of(weights, match, state, teacher_variables, shown, labels)
                return value + total_variation_weight * total_variation(shown), (images, batch_stats, seen)

            latents = match.sample_latents(latents_key)
            made = synthesise(loss, latents, state.generator.batch_stats, inner, steps_key, steps=synthesis_steps)
            state = state.replace(
                generator=state.generator.replace(batch_stats=made.batch_stats),
                memory=kept(state.memory, to_pixels(made.best), made.statistics, weights.batch_norm_memory),
            )
            return state, {"generator_loss": made.losses.mean(), "generator_gradient_norm": norm(made.gradients)}

        return step

    return replayed(
        *networks,
        synthesis=synthesis,
        syntheses=syntheses,
        filling_syntheses=filling_syntheses,
        shown=synthesis_steps * batch_size,
        renewed=None,
        raised=raised,
        batch_size=batch_size,
        augment=augment,
        generator_optimizer=lambda updates: optax.identity(),  # nothing outlives a synthesis
        split=split,
        **common,
    )
