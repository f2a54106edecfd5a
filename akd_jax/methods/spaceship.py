"""SpaceshipNet: features of synthetic images are kept, exchanged by channels, and decoded by the generator of now.

Data-free knowledge distillation via feature exchange and activation region constraint, Yu et al., CVPR 2023.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from akd_jax import bank
from akd_jax.attribution import channel_weights, class_maps, weighted_maps
from akd_jax.methods.match import Match, lower
from akd_jax.methods.replay import Kept, replayed
from akd_jax.methods.synthesis import Weights, kept, loss_of, synthesise
from akd_jax.norm import norm
from akd_jax.objectives import kl
from akd_jax.sharding import as_it_is
from akd_jax.types import AKDState, Array, Method, Network, Outputs, Step, Variables

STORED = jnp.bfloat16
"""How features are kept: half the memory, of which they take much."""


def spaceship(
    teacher: Network,
    students: Any,
    generator: Network,
    *,
    batch_size: int,
    syntheses: int,
    filling_syntheses: int,
    synthesis_steps: int,
    classes: int,
    rows: Callable[[Variables], Array],
    temperature: float,
    exchange: float,
    class_map_weight: float,
    gradient_map_weight: float,
    to_pixels: Callable[[Array], Array],
    augment: Callable[[Array, Array], Array],
    mix: Callable[[Array, Array], Array] | None = None,
    weights: Weights,
    sample_latents: Callable[..., Array],
    generator_optimizer: Callable[[int], optax.GradientTransformation],
    split: Callable[[Array], Array] = as_it_is,
    **common: Any,
) -> Method:
    """Rounds of `syntheses` syntheses, then student steps on what becomes of kept features (`replayed`).

    A synthesis moves the generator `synthesis_steps` steps towards a batch of as many images of each class, whose
    latents stand still; of the batch of the lowest loss the features between the generator's parts go to the bank, with
    the images. A student step takes those after one part, at random, exchanges channels (`exchanged`) in a share
    `exchange` of the steps, and has the rest of the generator, with its running statistics, make images of them.
    Students' loss is `constrained`, of these weights. It and the map losses are of the last layer's rows.
    rows: a classifier's variables -> [classes, F]. The generator has `parts`.
    to_pixels, augment: as of `fast`; mix: as of `replay_step`. generator_optimizer: (steps) -> a synthesis' own, fresh
    for each.
    sample_latents, networks, split, common: as of `replayed` and `assemble`.
    """
    inner = generator_optimizer(synthesis_steps)
    levels = range(len(generator.parts) - 1)
    apart = partial(
        constrained, rows=rows, temperature=temperature, class_maps_count=class_map_weight,
        gradient_maps_count=gradient_map_weight,
    )  # fmt: skip

    def synthesis(match: Match, _: optax.GradientTransformation) -> Step:
        def step(state: AKDState, teacher_variables: Variables, key: Array):
            latents_key, steps_key = jax.random.split(key)
            latents = match.sample_latents(latents_key)
            labels = split(jnp.arange(batch_size) % classes)

            def loss(params, batch_stats, key):
                *features, images, batch_stats = through(generator, Variables(params, batch_stats), latents)
                value, seen = loss_of(weights, match, state, teacher_variables, augment(key, images), labels)
                return value, ((images, tuple(features)), batch_stats, seen)

            player = state.generator
            made = synthesise(loss, player.params, player.batch_stats, inner, steps_key, steps=synthesis_steps)
            images, features = made.best
            beside = jax.tree.map(lambda leaf: leaf.astype(STORED), features)
            state = state.replace(
                generator=player.replace(params=made.moving, batch_stats=made.batch_stats),
                memory=kept(state.memory, to_pixels(images), made.statistics, weights.batch_norm_memory, beside=beside),
            )
            return state, {"generator_loss": made.losses.mean(), "generator_gradient_norm": norm(made.gradients)}

        return step

    def lesson(match: Match, of_student: optax.GradientTransformation) -> Step:
        def decoded(level: int, state: AKDState, key: Array) -> Array:
            sample_key, whether_key, channels_key = jax.random.split(key, 3)
            _, features = bank.sample(state.memory.bank, sample_key, num=batch_size)
            hidden = split(features[level].astype(jnp.float32))
            mixed = exchanged(channels_key, hidden)
            hidden = jnp.where(jax.random.bernoulli(whether_key, exchange), mixed, hidden)
            for part in generator.parts[level + 1 :]:
                hidden, _ = part(state.generator.variables, hidden, train=False)
            return hidden

        def step(state: AKDState, teacher_variables: Variables, key: Array):
            level_key, features_key, augment_key, mix_key = jax.random.split(key, 4)
            level = jax.random.randint(level_key, (), 0, len(levels))
            images = jax.lax.switch(level, [partial(decoded, level) for level in levels], state, features_key)
            images = augment(augment_key, images)
            images = mix(mix_key, images) if mix else images
            return lower(match, state, apart(match.teacher, teacher_variables, images), optimizer=of_student)

        return step

    def keeps(seen: Outputs) -> Kept:
        def features(key):
            latents = sample_latents(key, num=1)
            *features, _, _ = through(generator, generator.init(key, latents), latents)
            return features

        shapes = jax.eval_shape(features, jax.random.key(0))
        return Kept(beside=tuple(jax.ShapeDtypeStruct(each.shape[1:], STORED) for each in shapes))

    return replayed(
        teacher,
        students,
        generator,
        synthesis=synthesis,
        syntheses=syntheses,
        filling_syntheses=filling_syntheses,
        shown=synthesis_steps * batch_size,
        renewed=None,
        lesson=lesson,
        temperature=temperature,
        batch_size=batch_size,
        keeps=keeps,
        augment=augment,
        sample_latents=sample_latents,
        generator_optimizer=lambda updates: optax.identity(),  # nothing outlives a synthesis
        split=split,
        **common,
    )


def through(generator: Network, variables: Variables, latents: Array) -> tuple[Any, ...]:
    """(what each part of the generator gives in training, the last of it images, and the batch_stats after it)."""
    hidden, given = latents, []
    for part in generator.parts:
        hidden, batch_stats = part(variables, hidden, train=True)
        variables = Variables(variables.params, batch_stats)
        given.append(hidden)
    return *given, variables.batch_stats


def exchanged(key: Array, features: Array) -> Array:
    """[B, H, W, C]: of each image half of the channels, at random, are its partner's: the first's are the last's, ...

    Channel-wise feature exchange (section 3.2).
    """
    num, *_, channels = features.shape
    drawn = jax.random.uniform(key, (num, channels))
    half = jnp.sort(drawn, axis=-1)[:, channels // 2, None]
    return jnp.where((drawn < half)[:, None, None], features[::-1], features)


def constrained(
    teacher: Network,
    teacher_variables: Variables,
    images: Array,
    *,
    rows: Callable[[Variables], Array],
    temperature: float,
    class_maps_count: float,
    gradient_maps_count: float,
) -> Callable[[Network, Variables], Callable[[Variables], tuple[Array, Any]]]:
    """A student's loss on these images, for `lower`: KL over the number of classes, as released; the mean squared
    distance of class maps; and that of Grad-CAM's maps of the teacher's class, summed over stages; of these weights.

    The multi-scale activation region constraint (section 3.3): stages are compared where both have one of that size,
    the last of it. No gradient goes through Grad-CAM's weights of channels.
    """
    of_teacher, target = channel_weights(teacher, teacher_variables, images, train=False)
    chosen = target.logits.argmax(-1)
    wanted = class_maps(target.maps, rows(teacher_variables)), weighted_maps(target.stages, of_teacher)
    classes = target.logits.shape[-1]

    def loss(student: Network, still: Variables) -> Callable[[Variables], tuple[Array, Any]]:
        of_student, _ = channel_weights(student, still, images, chosen, train=True)

        def of(variables: Variables) -> tuple[Array, Any]:
            outputs, batch_stats = student.apply(variables, images, train=True)
            maps, by_size = class_maps(outputs.maps, rows(variables)), weighted_maps(outputs.stages, of_student)
            gradients = [jnp.square(wanted[1][size] - by_size[size]).mean() for size in by_size if size in wanted[1]]
            value = (
                kl(temperature)(target, outputs).mean() / classes
                + class_maps_count * jnp.square(wanted[0] - maps).mean()
                + gradient_maps_count * sum(gradients)
            )
            return value, batch_stats

        return of

    return loss
