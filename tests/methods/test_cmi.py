"""CMI: a synthesis as its steps written out, what it leaves in the bank, and its head."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tiny_game import BATCH, CLASSES, LATENTS, constant, equal, make_close_game, quick, weights

from akd_jax.methods.cmi import distinction
from akd_jax.models.projection import projection
from akd_jax.objectives import kl
from akd_jax.optimizers import adam
from akd_jax.pixels import to_pixels
from akd_jax.types import Variables

STEPS, MEAN, STD, NEGATIVES, SIZE = 2, (0.4,), (0.3,), 6, 8
T = 0.3


def brighter(key, images):
    """In place of crops, and of closer looks: each image by a factor of its own."""
    return images * jnp.exp(0.2 * jax.random.normal(key, (len(images), 1, 1, 1)))


def darker(key, images):
    return 0.5 * brighter(key, images)


@pytest.fixture(scope="module")
def game():
    """A bank of three batches; the contrast weighs enough to be seen."""
    return make_close_game(
        "cmi",
        weights=weights(batch_norm=1.0, batch_norm_memory=0.0, one_hot=1.0, adversarial=5.0),
        contrast_weight=3.0,
        contrast_temperature=T,
        augment=brighter,
        zoom=darker,
        generator_optimizer=lambda steps: adam(constant(2e-3)),
        head_optimizer=adam(constant(0.05)),
    )


@pytest.fixture(scope="module")
def synthesis(game):
    return quick(game.method.turns["large"].steps["generator_step"])


def projected(head, features):
    hidden = jnp.maximum(features @ head["Dense_0"]["kernel"] + head["Dense_0"]["bias"], 0)
    out = hidden @ head["Dense_1"]["kernel"] + head["Dense_1"]["bias"]
    return out / jnp.linalg.norm(out, axis=-1, keepdims=True)


def told_apart(one, other):
    """[N]: minus the logarithm of what of row i's likeness to all columns is to its own."""
    likeness = jnp.exp(one @ other.T / T)
    return -jnp.log(jnp.diagonal(likeness) / likeness.sum(1))


def described(outputs):
    return jnp.concatenate([stage.mean((1, 2)) for stage in outputs.stages], 1)


def written_out(game, state, key):
    """(losses, images of the lowest, their pairs of descriptions, the head at the end)."""
    generator_key, head_key, latents_key, labels_key, steps_key = jax.random.split(key, 5)
    latents = jax.random.normal(latents_key, (BATCH, LATENTS))
    labels = jax.random.randint(labels_key, (BATCH,), 0, CLASSES)
    fresh, earlier = game.generator.init(generator_key, latents), int(state.memory.bank.count)
    width = state.memory.bank.beside.shape[-1]
    head = state.memory.more.params if earlier else projection(SIZE).init(head_key, jnp.zeros((1, width))).params

    def chosen(key):
        """The bank's pairs that a step sees: those with the highest of uniform numbers."""
        numbers = np.array(jax.random.uniform(key, (len(state.memory.bank.images),)))
        numbers[earlier:] = -1
        order = np.argsort(-numbers, kind="stable")[: min(earlier, NEGATIVES)]
        return np.asarray(state.memory.bank.beside)[order]

    def loss(moving, stats, keys, others):
        params, latents, head = moving
        images, stats = game.generator.apply(Variables(params, stats), latents, train=True)
        shown = brighter(keys[0], images)
        seen, _ = game.teacher.apply(game.teacher_variables, shown, train=False)
        closer, _ = game.teacher.apply(game.teacher_variables, darker(keys[1], images), train=False)
        told, _ = game.students["large"].apply(state.students["large"].variables, shown, train=False)
        distances = jax.tree.map(
            lambda a, b: jnp.linalg.norm(a - b), seen.batch_norm_inputs, game.teacher_variables.batch_stats
        )
        agreed = seen.logits.argmax(-1) == told.logits.argmax(-1)
        one = projected(head, jnp.concatenate([described(closer), others[:, 0]]))
        other = jax.lax.stop_gradient(projected(head, jnp.concatenate([described(seen), others[:, 1]])))
        apart = told_apart(one, other)
        terms = (
            sum(jax.tree.leaves(distances)),
            optax.softmax_cross_entropy_with_integer_labels(seen.logits, labels).mean(),
            -5 * (agreed * kl(1.0)(seen, told)).mean(),
            3 * apart[:BATCH].mean(),
            3 * apart[BATCH:].mean() if len(others) else jnp.zeros(()),
        )
        return sum(terms), (images, jnp.stack([described(closer), described(seen)], 1), stats, terms)

    descend = quick(jax.value_and_grad(loss, has_aux=True))
    moving, stats = (fresh.params, latents, head), fresh.batch_stats
    optimizers = [optax.adam(rate) for rate in (2e-3, 2e-3, 0.05)]
    states = [optimizer.init(each) for optimizer, each in zip(optimizers, moving, strict=True)]
    lowest, losses = np.inf, []
    for step_key in jax.random.split(steps_key, STEPS):
        *keys, others_key = jax.random.split(step_key, 3)
        (value, (images, pairs, stats, terms)), gradients = descend(moving, stats, keys, chosen(others_key))
        seen = terms if earlier else terms[:-1]
        assert min(abs(float(term)) for term in seen) > 5e-3 * abs(float(value))
        losses.append(float(value))
        if value < lowest:
            lowest, best = value, (images, pairs)
        moved = [o.update(g, s) for o, g, s in zip(optimizers, gradients, states, strict=True)]
        moving = optax.apply_updates(moving, tuple(updates for updates, _ in moved))
        states = [state for _, state in moved]
    return losses, *best, moving[2]


@pytest.mark.slow
def test_syntheses_are_their_steps_written_out(game, synthesis):
    """The first, one beside fewer images than it would see, and one beside more."""
    state = game.state
    for number in range(3):
        key = jax.random.key(number)
        losses, images, pairs, head = written_out(game, state, key)
        state, metrics = synthesis(state, game.teacher_variables, key)
        assert float(metrics["generator_loss"]) == pytest.approx(np.mean(losses), rel=1e-3)
        memory, here = state.memory, slice(number * BATCH, (number + 1) * BATCH)
        assert memory.bank.count == (number + 1) * BATCH
        pixels = to_pixels(images, MEAN, STD).astype(int)
        assert np.abs(memory.bank.images[here].astype(int) - pixels).max() <= 1
        np.testing.assert_allclose(memory.bank.beside[here], pairs, rtol=1e-2, atol=1e-3)
        assert jax.tree.all(jax.tree.map(lambda a, b: jnp.abs(a - b).max() < 0.02, head, memory.more.params))
    assert memory.bank.beside.shape == (3 * BATCH, 2, 8 + 16)


def test_the_generator_and_its_latents_begin_anew_and_the_head_goes_on(game, synthesis):
    filled, _ = synthesis(game.state, game.teacher_variables, jax.random.key(0))
    key = jax.random.key(1)
    first, _ = synthesis(game.state, game.teacher_variables, key)
    second, _ = synthesis(filled, game.teacher_variables, key)
    far = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), first.generator.params, second.generator.params)
    assert max(jax.tree.leaves(far)) <= 2 * STEPS * 2.2e-3  # Adam's steps from the same start
    moved = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), filled.memory.more, second.memory.more)
    assert 0 < max(jax.tree.leaves(moved)) <= STEPS * 0.055
    assert not equal(first.memory.more, second.memory.more)


def test_distinction_moves_the_closer_looks_alone_and_counts_only_what_is_there():
    keys = jax.random.split(jax.random.key(0), 3)
    pairs, others = jax.random.normal(keys[0], (4, 2, 5)), jax.random.normal(keys[1], (3, 2, 5))
    head = projection(7).init(keys[2], jnp.zeros((1, 5))).params

    def value(pairs, others, there):
        return distinction(lambda features: projected(head, features), pairs, others, there, temperature=T)

    there = jnp.array([True, False, True])
    both = jnp.concatenate([pairs, others[there]])
    apart = told_apart(projected(head, both[:, 0]), projected(head, both[:, 1]))
    assert float(value(pairs, others, there)) == pytest.approx(float(apart[:4].mean() + apart[4:].mean()), rel=1e-5)
    alone = told_apart(projected(head, pairs[:, 0]), projected(head, pairs[:, 1])).mean()
    assert float(value(pairs, others, jnp.zeros(3, bool))) == pytest.approx(float(alone), rel=1e-5)
    of_pairs, of_others = jax.grad(value, (0, 1))(pairs, others, there)
    assert (of_pairs[:, 1] == 0).all() and (jnp.abs(of_pairs[:, 0]).max(-1) > 0).all()
    assert (of_others[1] == 0).all() and jnp.isfinite(of_others).all()


def test_the_head():
    head, features = projection(7), jax.random.normal(jax.random.key(1), (6, 12))
    variables = head.init(jax.random.key(0), features)
    found, _ = head.apply(variables, features, train=True)
    np.testing.assert_allclose(found, projected(variables.params, features), rtol=1e-5)
    silent = jax.grad(lambda features: head.apply(variables, features, train=True)[0].sum())(jnp.zeros((2, 12)))
    assert jnp.isfinite(silent).all()


@pytest.mark.slow
def test_many_steps_lead_to_images_of_a_lower_loss():
    """One takes the loss of the images as they were first drawn; of thirty it is the mean."""
    found = []
    for steps in (1, 30):
        game = make_close_game(
            "cmi",
            synthesis_steps=steps,
            augment=brighter,
            zoom=darker,
            generator_optimizer=lambda _: adam(constant(0.01)),
        )
        step = quick(game.method.turns["large"].steps["generator_step"])
        found.append(float(step(game.state, game.teacher_variables, jax.random.key(3))[1]["generator_loss"]))
    assert found[1] < 0.95 * found[0]
