"""DAFL: a generator that no student bothers."""

import jax
import numpy as np
import pytest
from tiny_game import BATCH, LATENTS, equal, make_game, quick

LATENT_BATCH = jax.random.normal(jax.random.key(5), (BATCH, LATENTS))


@pytest.fixture(scope="module")
def game():
    return make_game("dafl", sample_latents=lambda key, *, num: LATENT_BATCH[:num])


def test_the_generators_loss_is_the_three_terms(game):
    """0.5 CE(t, argmax t) + 20 sum p log10 p - 0.1 mean |features|, written out."""
    images, _ = game.generator.apply(game.state.generator.variables, LATENT_BATCH, train=True)
    teacher = jax.device_get(game.teacher.apply(game.teacher_variables, images, train=False)[0])
    p = np.exp(np.float64(teacher.logits))
    p /= p.sum(-1, keepdims=True)
    shares = p.mean(0)
    wanted = (
        -0.5 * np.log(p.max(-1)).mean() + 20 * (shares * np.log10(shares)).sum() - 0.1 * np.abs(teacher.features).mean()
    )
    _, metrics = quick(game.method.turns["large"].round)(game.state, game.teacher_variables, jax.random.key(0))
    assert float(metrics["generator_loss"]) == pytest.approx(float(wanted), rel=1e-4)


def test_the_generator_does_not_see_the_students(game):
    other = game.state.replace(students=jax.tree.map(lambda leaf: 2 * leaf + 1, game.state.students))
    play = quick(game.method.turns["large"].round)
    (one, first), (two, second) = (play(s, game.teacher_variables, jax.random.key(0)) for s in (game.state, other))
    assert equal(one.generator, two.generator) and first["student_loss"]["large"] != second["student_loss"]["large"]
