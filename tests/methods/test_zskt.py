"""ZSKT: one batch of latents a round, and students who learn from its images several times."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from stage import poisoned
from tiny_game import BATCH, CLASSES, LATENTS, equal, make_game, quick


@pytest.fixture(scope="module")
def game():
    return make_game("zskt")


def test_students_learn_from_what_the_generator_now_makes_of_the_same_latents(game):
    """A round is a generator step, then two student steps, all on the latents of the round's key."""
    key, play = jax.random.key(0), game.method.turns["large"]
    latents = jax.random.normal(key, (BATCH, LATENTS))
    fixed = make_game("zskt", 1, sample_latents=lambda key, *, num: latents[:num]).method.turns["large"].steps
    state, first = quick(fixed["generator_step"])(game.state, game.teacher_variables, key)
    student, losses = quick(fixed["student_step"]), []
    for _ in range(2):
        state, metrics = student(state, game.teacher_variables, key)
        losses.append(float(metrics["student_loss"]["large"]))
    played, metrics = quick(play.round)(game.state, game.teacher_variables, key)
    assert float(metrics["generator_loss"]) == pytest.approx(float(first["generator_loss"]), rel=1e-4)
    assert float(metrics["student_loss"]["large"]) == pytest.approx(np.mean(losses), rel=1e-4)
    differences = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), played.students, state.students)
    assert max(jax.tree.leaves(differences)) < 1e-3


def test_latents_that_are_not_finite_leave_the_whole_round_out():
    """All its steps are of the same latents, those of the round's key."""
    bad, latents = jax.random.key(1), lambda key, *, num: jax.random.normal(key, (num, LATENTS))
    game = make_game("zskt", sample_latents=poisoned(latents, [jax.random.key_data(bad)]))
    play = quick(game.method.turns["large"].round)
    (left, reported), (moved, fine) = (
        play(game.state, game.teacher_variables, key) for key in (bad, jax.random.key(2))
    )
    assert equal(left, game.state) and not equal(moved, game.state)
    for step, steps in (("generator_step", 1), ("student_step", 2)):
        assert all(fault.all() and fault.size == steps for fault in reported[f"{step}_faults"].values())
        assert not any(fault.any() for fault in fine[f"{step}_faults"].values())


def test_the_losses_are_kl_over_classes_and_250_times_attention(game):
    """With the attention's weight 0 the generator, whose loss has none, moves in the same way."""
    plain, weighted = (make_game("zskt", 1, attention_weight=weight) for weight in (0.0, 250.0))
    key, losses, states = jax.random.key(1), [], []
    for each in (plain, weighted):
        for step in ("generator_step", "student_step"):
            state, metrics = quick(each.method.turns["large"].steps[step])(game.state, game.teacher_variables, key)
            losses.append(metrics)
            states.append(state)
    assert losses[0]["generator_loss"] == losses[2]["generator_loss"] < 0
    latents = jax.random.normal(key, (BATCH, LATENTS))
    images, _ = game.generator.apply(game.state.generator.variables, latents, train=True)
    teacher, _ = game.teacher.apply(game.teacher_variables, images, train=False)
    student, _ = game.students["large"].apply(game.state.students["large"].variables, images, train=True)
    log_p, log_q = (jax.nn.log_softmax(o.logits) for o in (teacher, student))
    kl = float((jnp.exp(log_p) * (log_p - log_q)).sum() / (BATCH * CLASSES))
    attention = 0.0
    for one, other in zip(teacher.stages, student.stages, strict=True):
        maps = [np.square(np.asarray(stage)).mean(-1).reshape(BATCH, -1) for stage in (one, other)]
        maps = [each / np.linalg.norm(each, axis=-1, keepdims=True) for each in maps]
        attention += np.square(maps[0] - maps[1]).mean()
    assert float(losses[1]["student_loss"]["large"]) == pytest.approx(kl, rel=1e-4)
    assert float(losses[3]["student_loss"]["large"]) == pytest.approx(kl + 250 * attention, rel=1e-4)
