"""DeepInversion: a synthesis as its steps written out, on pixels that begin anew."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tiny_game import BATCH, CLASSES, SIZE, equal, make_close_game, moved_images, moves, normal, quick, weights

from akd_jax.models import pixels
from akd_jax.objectives import jensen_shannon
from akd_jax.pixels import to_pixels

STEPS, MEAN, STD, T = 2, (0.4,), (0.3,), 3.0


def adam(updates):
    return optax.adam(0.1)


@pytest.fixture(scope="module")
def game():
    """Whose images are pixels; the total variation and the divergence weigh enough to be seen."""
    return on_pixels(synthesis_steps=STEPS, total_variation_weight=0.5, adversarial=50.0)


def on_pixels(adversarial=0.0, **settings):
    return make_close_game(
        "deepinversion",
        generator=pixels(SIZE, 1),
        sample_latents=partial(normal, length=SIZE * SIZE),
        generator_optimizer=adam,
        raised=jensen_shannon(T) if adversarial else None,
        weights=weights(batch_norm=1.0, batch_norm_memory=0.0, one_hot=1.0, adversarial=adversarial),
        **settings,
    )


def written_out(game, state, key):
    """(losses, the images of the lowest)."""
    latents_key, labels_key, steps_key = jax.random.split(key, 3)
    labels = jax.random.randint(labels_key, (BATCH,), 0, CLASSES)
    images = jax.random.normal(latents_key, (BATCH, SIZE * SIZE)).reshape(BATCH, SIZE, SIZE, 1)

    def loss(images, where):
        shown = moved_images(images, where, mean=MEAN, std=STD)
        seen, _ = game.teacher.apply(game.teacher_variables, shown, train=False)
        told, _ = game.students["large"].apply(state.students["large"].variables, shown, train=False)
        distances = jax.tree.map(
            lambda a, b: jnp.linalg.norm(a - b), seen.batch_norm_inputs, game.teacher_variables.batch_stats
        )
        p, q = jax.nn.softmax(seen.logits / T), jax.nn.softmax(told.logits / T)
        m = (p + q) / 2
        divergence = ((p * jnp.log(p / m)).sum(-1) + (q * jnp.log(q / m)).sum(-1)) / 2
        diagonals = shown[:, 1:, 1:] - shown[:, :-1, :-1], shown[:, 1:, :-1] - shown[:, :-1, 1:]
        steps = jnp.diff(shown, axis=1), jnp.diff(shown, axis=2), *diagonals
        terms = (
            sum(jax.tree.leaves(distances)),
            optax.softmax_cross_entropy_with_integer_labels(seen.logits, labels).mean(),
            -50 * divergence.mean(),
            0.5 * sum(jnp.linalg.norm(step.ravel()) for step in steps),
        )
        return sum(terms), terms

    descend, optimizer, lowest, losses = quick(jax.value_and_grad(loss, has_aux=True)), adam(STEPS), np.inf, []
    opt_state = optimizer.init(images)
    for step_key in jax.random.split(steps_key, STEPS):
        (value, terms), gradient = descend(images, moves(step_key, num=BATCH, most=2))
        assert min(abs(float(term)) for term in terms) > 1e-2 * abs(float(value))
        losses.append(float(value))
        if value < lowest:
            lowest, best = value, images
        updates, opt_state = optimizer.update(gradient, opt_state)
        images = optax.apply_updates(images, updates)
    return losses, best


def test_a_synthesis_is_its_steps_written_out(game):
    key = jax.random.key(0)
    losses, images = written_out(game, game.state, key)
    state, metrics = quick(game.method.turns["large"].steps["generator_step"])(game.state, game.teacher_variables, key)
    assert float(metrics["generator_loss"]) == pytest.approx(np.mean(losses), rel=1e-4)
    kept = state.memory.bank.images[:BATCH].astype(int)
    assert state.memory.bank.count == BATCH and np.abs(kept - to_pixels(images, MEAN, STD).astype(int)).max() <= 1
    assert equal(state.generator, game.state.generator) and state.generator.params == {}


def test_many_steps_lead_to_images_of_a_lower_loss():
    """One takes the loss of the pixels as they were drawn; of thirty it is the mean."""
    found = []
    for steps in (1, 30):
        game = on_pixels(synthesis_steps=steps)
        step = quick(game.method.turns["large"].steps["generator_step"])
        found.append(float(step(game.state, game.teacher_variables, jax.random.key(3))[1]["generator_loss"]))
    assert found[1] < 0.95 * found[0]
