"""CMI: each batch from a generator of its own, towards images that are also unlike each other and all earlier ones.

Contrastive model inversion, Fang et al. 2021, arXiv:2105.08584.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from akd_jax import bank
from akd_jax.methods.match import Match
from akd_jax.methods.replay import Kept, Memory, replayed
from akd_jax.methods.synthesis import Weights, kept, loss_of, synthesise
from akd_jax.norm import norm
from akd_jax.objectives import contrast
from akd_jax.sharding import as_it_is
from akd_jax.types import AKDState, Array, Method, Network, Outputs, Step, Variables


def cmi(
    *networks: Network,
    batch_size: int,
    syntheses: int,
    filling_syntheses: int,
    synthesis_steps: int,
    classes: int,
    to_pixels: Callable[[Array], Array],
    augment: Callable[[Array, Array], Array],
    zoom: Callable[[Array, Array], Array],
    weights: Weights,
    contrast_weight: float,
    contrast_temperature: float,
    negatives: int,
    head: Network,
    bank_capacity: int,
    generator_optimizer: Callable[[int], optax.GradientTransformation],
    head_optimizer: optax.GradientTransformation,
    split: Callable[[Array], Array] = as_it_is,
    **common: Any,
) -> Method:
    """Rounds of `syntheses` syntheses, then student steps on images of the bank (`replayed`).

    A synthesis takes `synthesis_steps` steps with a fresh generator, with latents, and with the head that tells images
    apart, which is the last synthesis'; the batch of the lowest loss goes to the bank, with its `description`s. Its
    loss has these weights, with random classes, and `contrast_weight` of `distinction`, at `contrast_temperature`,
    beside `negatives` earlier images.
    zoom: (key, images) -> images, as networks see them: a closer look at them, which the head is to recognise.
    head: descriptions [N, F] -> [N, D] of norm 1.
    to_pixels, augment: as of `fast`. generator_optimizer: (steps) -> a synthesis' own, of the generator and the
    latents; head_optimizer: of the head; both fresh for each.
    bank_capacity, split, networks, common: as of `replayed` and `assemble`.
    """
    negatives = min(negatives, bank_capacity)
    optimizers = {"drawn": generator_optimizer(synthesis_steps), "head": head_optimizer}
    inner = optax.partition(optimizers, {name: name for name in optimizers})

    def synthesis(match: Match, _: optax.GradientTransformation) -> Step:
        def step(state: AKDState, teacher_variables: Variables, key: Array):
            generator_key, head_key, latents_key, labels_key, steps_key = jax.random.split(key, 5)
            memory, latents = state.memory, match.sample_latents(latents_key)
            labels = split(jax.random.randint(labels_key, (batch_size,), 0, classes))

            def loss(moving, batch_stats, key):
                shown_key, closer_key, others_key = jax.random.split(key, 3)
                params, latents = moving["drawn"]
                images, batch_stats = match.generator.apply(Variables(params, batch_stats), latents, train=True)
                value, seen = loss_of(weights, match, state, teacher_variables, augment(shown_key, images), labels)
                closer, _ = match.teacher.apply(teacher_variables, zoom(closer_key, images), train=False)
                pairs = jnp.stack([description(closer), description(seen)], 1)
                others, there = bank.some(memory.bank, others_key, num=negatives)
                alike = distinction(
                    lambda features: head.apply(moving["head"], features, train=True)[0],
                    pairs, others, there, temperature=contrast_temperature,
                )  # fmt: skip
                return value + contrast_weight * alike, ((images, pairs), batch_stats, seen)

            fresh = match.generator.init(generator_key, latents)
            moving = {"drawn": (fresh.params, latents), "head": _head(memory, head, head_key)}
            made = synthesise(loss, moving, fresh.batch_stats, inner, steps_key, steps=synthesis_steps)
            images, pairs = made.best
            remembered = kept(memory, to_pixels(images), made.statistics, weights.batch_norm_memory, beside=pairs)
            state = state.replace(
                generator=state.generator.replace(params=made.moving["drawn"][0], batch_stats=made.batch_stats),
                memory=remembered.replace(more=made.moving["head"]),
            )
            return state, {"generator_loss": made.losses.mean(), "generator_gradient_norm": norm(made.gradients)}

        return step

    return replayed(
        *networks,
        synthesis=synthesis,
        syntheses=syntheses,
        filling_syntheses=filling_syntheses,
        shown=2 * synthesis_steps * batch_size,
        renewed=None,
        batch_size=batch_size,
        bank_capacity=bank_capacity,
        keeps=_keeps(head),
        augment=augment,
        generator_optimizer=lambda updates: optax.identity(),  # nothing outlives a synthesis
        split=split,
        **common,
    )


def description(seen: Outputs) -> Array:
    """[B, F]: what the teacher's stages give, each filter's mean over positions, one stage after the other.

    CMI has their inputs of ResNet-34, and batch norms' inputs of other networks.
    """
    return jnp.concatenate([stage.mean((1, 2)) for stage in seen.stages], -1)


def distinction(
    project: Callable[[Array], Array], pairs: Array, others: Array, there: Array, *, temperature: float
) -> Array:
    """[]: the mean `contrast` of a batch, and that of earlier images, each told from all of both.

    project: descriptions [N, F] -> [N, D] of norm 1. pairs: [B, 2, F], of closer looks and of images as they were
    shown, which do not move for it. others: [N, 2, F], likewise, of which those `there` [N] count.
    """
    known, (rows, columns) = len(pairs), jnp.moveaxis(jnp.concatenate([pairs, others]), 1, 0)
    present = jnp.concatenate([jnp.ones(known, bool), there])
    losses = contrast(project(rows), jax.lax.stop_gradient(project(columns)), present, temperature=temperature)
    earlier = jnp.where(there, losses[known:], 0).sum() / jnp.maximum(there.sum(), 1)
    return losses[:known].mean() + earlier


def _head(memory: Memory, head: Network, key: Array) -> Any:
    """As the last synthesis left it, new before the first."""
    features = memory.bank.beside.shape[-1]
    new = head.init(key, jnp.zeros((1, features)))
    return jax.tree.map(lambda kept, fresh: jnp.where(memory.bank.count > 0, kept, fresh), memory.more, new)


def _keeps(head: Network) -> Callable[[Outputs], Kept]:
    def keeps(seen: Outputs) -> Kept:
        features = jax.eval_shape(description, seen)
        of_head = jax.eval_shape(head.init, jax.random.key(0), features)
        return Kept(beside=jax.ShapeDtypeStruct((2, features.shape[-1]), features.dtype), more=of_head)

    return keeps
