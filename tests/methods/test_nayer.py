"""NAYER: a synthesis as its steps written out, and what outlives it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tiny_game import (
    BATCH,
    CLASSES,
    LATENTS,
    equal,
    make_close_game,
    make_method,
    moved_images,
    moves,
    quick,
    weights,
)

from akd_jax.methods.nayer import noisy_layers, standardised, through
from akd_jax.objectives import kl
from akd_jax.pixels import to_pixels
from akd_jax.types import Variables

STEPS, LAYERS, MEAN, STD = 2, 2, (0.4,), (0.3,)
MADE = LAYERS * CLASSES


def adam(updates):
    return optax.adam(4e-3, b1=0.5)


@pytest.fixture(scope="module")
def game():
    return make_close_game("nayer", weights=weights(), generator_life=3, generator_optimizer=adam)


@pytest.fixture(scope="module")
def round(game):
    return quick(game.method.turns["large"].round)


def written_out(game, state, key):
    """(losses, the images of the lowest, the generator's parameters at the end).

    Students agree with the teacher on some images and not on others, and the term of these is seen in the loss.
    """
    rows = np.asarray(game.teacher_variables.params["fc"]["kernel"]).T
    rows = (rows - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-5)
    width = rows.shape[1]
    labels = np.array([0, 1, 2, 3, 4] * LAYERS)
    noise_key, steps_key = jax.random.split(key)
    moving = {
        "params": state.generator.params,
        "kernel": jax.random.normal(noise_key, (LAYERS, width, LATENTS)),
        "bias": jnp.zeros((LAYERS, LATENTS)),
    }
    stats, optimizer = state.generator.batch_stats, adam(STEPS)
    opt_state = optimizer.init(moving)

    def loss(moving, stats, where):
        latents = [
            rows[label] @ moving["kernel"][layer] + moving["bias"][layer]
            for layer in range(LAYERS)
            for label in range(CLASSES)
        ]
        images, stats = game.generator.apply(Variables(moving["params"], stats), jnp.stack(latents), train=True)
        shown = moved_images(images, where, mean=MEAN, std=STD)
        seen, _ = game.teacher.apply(game.teacher_variables, shown, train=False)
        told, _ = game.students["large"].apply(state.students["large"].variables, shown, train=False)
        distances = jax.tree.map(
            lambda a, b: jnp.linalg.norm(a - b), seen.batch_norm_inputs, game.teacher_variables.batch_stats
        )
        agreed = seen.logits.argmax(-1) == told.logits.argmax(-1)
        term = 1.33 * (agreed * kl(1.0)(seen, told)).mean()
        value = (
            10 * sum(jax.tree.leaves(distances))
            + 0.5 * optax.softmax_cross_entropy_with_integer_labels(seen.logits, labels).mean()
            - term
        )
        return value, (images, stats, agreed, term / value)

    descend, lowest, losses = quick(jax.value_and_grad(loss, has_aux=True)), np.inf, []
    for step_key in jax.random.split(steps_key, STEPS):
        where = moves(step_key, num=MADE, most=1)
        (value, (images, stats, agreed, share)), gradients = descend(moving, stats, where)
        assert {*agreed.tolist()} == {True, False} and share > 5e-4
        losses.append(float(value))
        if value < lowest:
            lowest, best = value, images
        updates, opt_state = optimizer.update(gradients, opt_state)
        moving = optax.apply_updates(moving, updates)
    return losses, best, moving["params"]


def test_a_synthesis_is_its_steps_written_out(game):
    key = jax.random.key(0)
    losses, images, params = written_out(game, game.state, key)
    state, metrics = quick(game.method.turns["large"].steps["generator_step"])(game.state, game.teacher_variables, key)
    assert float(metrics["generator_loss"]) == pytest.approx(np.mean(losses), rel=1e-4)
    kept = state.memory.bank.images[:MADE].astype(int)
    assert state.memory.bank.count == MADE and np.abs(kept - to_pixels(images, MEAN, STD).astype(int)).max() <= 1
    # Adam's first steps are as long for the smallest gradient, whose sign may be rounding's.
    moves = [np.abs(a - b) for a, b in zip(*map(jax.tree.leaves, (params, state.generator.params)), strict=True)]
    assert np.mean(np.concatenate([each.ravel() for each in moves]) < 1e-4) > 0.99


def test_new_layers_make_latents_of_as_much_variance_as_embeddings_have_numbers():
    embeddings = standardised(jax.random.normal(jax.random.key(0), (50, 30)) * 3 + 1)
    np.testing.assert_allclose(embeddings.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(embeddings.var(0), 1, atol=1e-3)
    latents = through(noisy_layers(jax.random.key(1), 30, 40, num=3), embeddings)
    assert latents.shape == (150, 40)
    assert float(latents.var()) == pytest.approx(30, rel=0.1) and abs(float(latents.mean())) < 0.3


def test_embeddings_without_differences_say_nothing():
    assert (standardised(jnp.ones((4, 3))) == 0).all()


def test_the_generator_begins_anew_every_so_many_rounds(game, round):
    """All of it; what is left of it otherwise moves by four steps of 4e-3 at most."""
    before = game.state.generator.params["l1_0"]["kernel"]
    for number in (0, 2, 3, 4, 6):
        state, _ = round(game.state.replace(step=jnp.int32(number)), game.teacher_variables, jax.random.key(7))
        after = state.generator.params["l1_0"]["kernel"]
        assert (jnp.abs(after - before).max() > 0.05) == (number in (3, 6))


def test_students_sit_out_while_the_bank_is_filled(game):
    """Faster than it is later; their schedule is of the rounds that they play."""
    updates = []

    def optimizer(number):
        updates.append(number)
        return optax.sgd(0.1)

    networks = game.teacher, game.students, game.generator
    method = make_method("nayer", 2, networks, filling=4, student_optimizer=optimizer)
    assert updates == [(10 - 4) * 2]
    filling, others = method.turns["filling"], [turn for name, turn in method.turns.items() if name != "filling"]
    assert filling.students == ("large", "small") and filling.steps.keys() == {"generator_step"}
    assert filling.teacher_queries == 3 * STEPS * MADE
    assert {turn.teacher_queries for turn in others} == {2 * STEPS * MADE + 2 * BATCH}
    state, metrics = quick(filling.round)(game.state, game.teacher_variables, jax.random.key(0))
    assert equal(state.students, game.state.students) and not equal(state.generator, game.state.generator)
    assert (
        state.memory.bank.position == (3 * MADE) % 25 and metrics["generator_step_faults"]["generator_loss"].size == 3
    )
    assert "student_loss" not in metrics


def test_every_synthesis_of_a_round_has_noise_of_its_own(game, round):
    state, _ = round(game.state, game.teacher_variables, jax.random.key(0))
    assert state.memory.bank.count == 2 * MADE
    assert not equal(state.memory.bank.images[:MADE], state.memory.bank.images[MADE : 2 * MADE])
