"""DFQ: what its generator minimises, and in which order they move."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_game import BATCH, LATENTS, equal, make_game, quick

LATENT_BATCH = jax.random.normal(jax.random.key(5), (BATCH, LATENTS))


@pytest.fixture(scope="module")
def game():
    return make_game("dfq", sample_latents=lambda key, *, num: LATENT_BATCH[:num])


@pytest.fixture(scope="module")
def steps(game):
    return {name: quick(step) for name, step in game.method.turns["large"].steps.items()}


def seen(game):
    """(what the teacher, and what the student "large" in running mode, says of the generator's images in training)."""
    images, _ = game.generator.apply(game.state.generator.variables, LATENT_BATCH, train=True)
    teacher, _ = game.teacher.apply(game.teacher_variables, images, train=False)
    student, _ = game.students["large"].apply(game.state.students["large"].variables, images, train=False)
    return jax.device_get((teacher, student))


def softmax(logits):
    weights = np.exp(np.float64(logits))
    return weights / weights.sum(-1, keepdims=True)


def test_the_generators_loss_is_the_four_terms(game, steps):
    """-KL + BN + CE(t, argmax t) + 20 sum p log p, written out."""
    teacher, student = seen(game)
    p, q = softmax(teacher.logits), softmax(student.logits)
    shares = p.mean(0)
    differences = jax.tree.map(
        np.subtract, teacher.batch_norm_inputs, jax.device_get(game.teacher_variables.batch_stats)
    )
    wanted = (
        -(p * np.log(p / q)).sum(-1).mean()
        + sum(np.linalg.norm(each) for each in jax.tree.leaves(differences))
        - np.log(p.max(-1)).mean()
        + 20 * (shares * np.log(shares)).sum()
    )
    play = steps["generator_step"]
    _, metrics = play(game.state, game.teacher_variables, jax.random.key(0))
    assert float(metrics["generator_loss"]) == pytest.approx(float(wanted), rel=1e-4)


def test_the_students_stand_still_in_the_generators_step(game, steps):
    """They take part with their running statistics, which stay."""
    state, _ = steps["generator_step"](game.state, game.teacher_variables, jax.random.key(0))
    assert equal(state.students, game.state.students)


def test_the_generator_moves_first(game, steps):
    turn, (first, rest) = game.method.turns["large"], jax.random.split(jax.random.key(0))
    state, _ = steps["generator_step"](game.state, game.teacher_variables, first)
    for key in jax.random.split(rest, 2):
        state, _ = steps["student_step"](state, game.teacher_variables, key)
    played, _ = quick(turn.round)(game.state, game.teacher_variables, jax.random.key(0))
    differences = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), played.students, state.students)
    assert max(jax.tree.leaves(differences)) < 1e-4
