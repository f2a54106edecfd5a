"""NAYER: a generator that begins each batch at what classes mean, through a noisy layer that is new each time.

Tran et al. 2024, arXiv:2310.00258.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from akd_jax.methods.match import Match
from akd_jax.methods.renewal import renewal
from akd_jax.methods.replay import replayed
from akd_jax.methods.synthesis import Weights, kept, loss_of, synthesise
from akd_jax.norm import norm
from akd_jax.sharding import as_it_is
from akd_jax.types import AKDState, Array, Method, Network, NetworkState, Step, Variables


def nayer(
    *networks: Network,
    syntheses: int,
    filling_syntheses: int,
    synthesis_steps: int,
    classes: int,
    noise_layers: int,
    embeddings: Callable[[Variables], Array],
    to_pixels: Callable[[Array], Array],
    augment: Callable[[Array, Array], Array],
    weights: Weights,
    generator_life: int,
    generator_optimizer: Callable[[int], optax.GradientTransformation],
    split: Callable[[Array], Array] = as_it_is,
    **common: Any,
) -> Method:
    """Rounds of `syntheses` syntheses, then student steps on images of the bank (`replayed`).

    A synthesis makes `noise_layers` images of each class: `synthesis_steps` steps with the generator and with as many
    noisy layers, which are then forgotten; the batch of the lowest loss goes to the bank. Its loss has these weights.
    embeddings: the teacher's variables -> [classes, D], what stands for the classes.
    to_pixels: images as networks see them [B, H, W, C] -> uint8, as the bank has them.
    augment: (key, images) -> images, as networks see them: of the students' images, and of a synthesis' in each of its
    steps, anew, while the bank has them as they were drawn.
    generator_life: rounds, after which the generator begins anew; 0 for never. generator_optimizer: (steps) -> a
    synthesis' own, fresh for each.
    split, networks, common: as of `replayed` and `assemble`.
    """
    inner = generator_optimizer(synthesis_steps)

    def synthesis(match: Match, _: optax.GradientTransformation) -> Step:
        def step(state: AKDState, teacher_variables: Variables, key: Array):
            noise_key, steps_key = jax.random.split(key)
            meanings = standardised(embeddings(teacher_variables))
            labels = split(jnp.tile(jnp.arange(classes), noise_layers))

            def loss(moving, batch_stats, key):
                latents = split(through(moving["noise"], meanings))
                images, batch_stats = match.generator.apply(
                    Variables(moving["params"], batch_stats), latents, train=True
                )
                value, seen = loss_of(weights, match, state, teacher_variables, augment(key, images), labels)
                return value, (images, batch_stats, seen)

            length = jax.eval_shape(match.sample_latents, key).shape[-1]
            noise = noisy_layers(noise_key, meanings.shape[-1], length, num=noise_layers)
            moving = {"params": state.generator.params, "noise": noise}
            made = synthesise(loss, moving, state.generator.batch_stats, inner, steps_key, steps=synthesis_steps)
            state = state.replace(
                generator=state.generator.replace(params=made.moving["params"], batch_stats=made.batch_stats),
                memory=kept(state.memory, to_pixels(made.best), made.statistics, weights.batch_norm_memory),
            )
            return state, {"generator_loss": made.losses.mean(), "generator_gradient_norm": norm(made.gradients)}

        return step

    def begun_anew(match: Match) -> Step:
        def anew(generator: NetworkState, key: Array) -> NetworkState:
            fresh = match.generator.init(key, jax.eval_shape(match.sample_latents, key))
            return generator.replace(params=fresh.params, batch_stats=fresh.batch_stats)

        return renewal(anew, lambda played: (played > 0) & (played % generator_life == 0))

    return replayed(
        *networks,
        synthesis=synthesis,
        syntheses=syntheses,
        filling_syntheses=filling_syntheses,
        shown=synthesis_steps * noise_layers * classes,
        renewed=begun_anew if generator_life else None,
        augment=augment,
        generator_optimizer=lambda updates: optax.identity(),  # nothing outlives a synthesis
        split=split,
        **common,
    )


def standardised(embeddings: Array) -> Array:
    """[classes, D], each of the D numbers with mean 0 and variance 1 over the classes.

    NAYER's batch norm before the noisy layer, whose batches have as many images of each class; without its scale and
    shift, which that layer has too.
    """
    centred = embeddings - embeddings.mean(0)
    return centred * jax.lax.rsqrt(jnp.square(centred).mean(0) + 1e-5)


def noisy_layers(key: Array, width: int, length: int, *, num: int) -> dict[str, Array]:
    """Layers from [D] to latents [Z], weights N(0, 1), no biases: {"kernel": [num, D, Z], "bias": [num, Z]}."""
    return {"kernel": jax.random.normal(key, (num, width, length)), "bias": jnp.zeros((num, length))}


def through(layers: dict[str, Array], embeddings: Array) -> Array:
    """[classes, D] -> latents [num * classes, Z]: of every class by the first layer, then by the next.

    New layers make them of variance D, next to which the biases of the generator's first layer are small.
    """
    latents = jnp.einsum("cd,kdz->kcz", embeddings, layers["kernel"]) + layers["bias"][:, None]
    return latents.reshape(-1, latents.shape[-1])
