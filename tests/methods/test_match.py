"""The steps of either side: who moves, where to, and what stays."""

import chex
import jax
import jax.numpy as jnp
import optax
import pytest
from tiny_game import BATCH, LATENTS, constant, equal

from akd_jax.methods.match import Match, generator_step, many_student_steps, student_step
from akd_jax.methods.players import BATCH_STATS
from akd_jax.objectives import OBJECTIVES
from akd_jax.optimizers import adam, sgd

LATENT_BATCH = jax.random.normal(jax.random.key(5), (BATCH, LATENTS))


def fixed(key):
    """The same latents whatever the key, so that two losses can be compared."""
    return LATENT_BATCH


def match(game, *names):
    students = {name: game.students[name] for name in names}
    return Match(game.teacher, students, game.generator, OBJECTIVES["l1"](1.0), fixed)


def student(game, mode="moving"):
    # A chain like the one that the game's state began with, so that its state fits.
    optimizer = sgd(constant(0.01), momentum=0.9, weight_decay=0.0)
    return jax.jit(student_step(match(game, "large"), optimizer, generator_mode=BATCH_STATS[mode]))


def generator(game, mode="moving"):
    return jax.jit(generator_step(match(game, "large"), adam(constant(1e-3)), student_mode=BATCH_STATS[mode]))


def play(step, game, times=1):
    state, losses = game.state, []
    for _ in range(times):
        state, metrics = step(state, game.teacher_variables, jax.random.key(0))
        losses.append(sum(float(v) for key in metrics if key.endswith("_loss") for v in jax.tree.leaves(metrics[key])))
    return state, losses


def test_student_lowers_the_disagreement(game):
    _, losses = play(student(game), game, times=6)
    assert losses[-1] < 0.9 * losses[0]


def test_generator_raises_it(game):
    _, losses = play(generator(game), game, times=6)
    assert -losses[-1] > -losses[0] > 0


def test_a_penalty_on_the_images_is_in_the_generators_loss_and_gradient(game):
    settings = {"student_mode": BATCH_STATS["moving"]}
    optimizer = adam(constant(1e-3))
    plain = jax.jit(generator_step(match(game, "large"), optimizer, **settings))
    same = jax.jit(generator_step(match(game, "large"), optimizer, **settings, prior=lambda *_: 2.0))
    fined = jax.jit(
        generator_step(match(game, "large"), optimizer, **settings, prior=lambda x, *_: 100 * jnp.square(x[0]).mean())
    )
    (free, free_loss), (two, two_loss), (other, _) = (play(step, game) for step in (plain, same, fined))
    assert two_loss[0] == pytest.approx(free_loss[0] + 2)
    assert equal(free.generator.params, two.generator.params)
    assert not equal(free.generator.params, other.generator.params)


def test_student_step_moves_the_student_alone(game):
    state, _ = play(student(game), game)
    assert equal(state.generator.params, game.state.generator.params)
    assert equal(state.generator.opt_state, game.state.generator.opt_state)
    assert equal(state.students["small"], game.state.students["small"])
    assert not equal(state.students["large"].params, game.state.students["large"].params)


def test_the_norm_of_the_students_gradient_is_how_far_it_goes_at_a_rate_of_one(game):
    """Its first step: the momentum is still zero."""
    state, metrics = student(game)(game.state, game.teacher_variables, jax.random.key(0))
    way = jax.tree.map(jnp.subtract, state.students["large"].params, game.state.students["large"].params)
    assert metrics["student_gradient_norm"]["large"] == pytest.approx(float(optax.tree.norm(way)) / 0.01, rel=1e-3)


def test_generator_step_moves_the_generator_alone(game):
    state, _ = play(generator(game), game)
    assert equal(state.students["large"].params, game.state.students["large"].params)
    assert equal(state.students["large"].opt_state, game.state.students["large"].opt_state)
    assert equal(state.students["small"], game.state.students["small"])
    assert not equal(state.generator.params, game.state.generator.params)


@pytest.mark.parametrize(("mode", "moves"), [("moving", True), ("batch", False), ("running", False)])
def test_the_other_players_statistics_are_a_choice(game, mode, moves):
    after_student, _ = play(student(game, mode), game)
    after_generator, _ = play(generator(game, mode), game)
    theirs = after_student.generator.batch_stats, game.state.generator.batch_stats
    students = after_generator.students["large"].batch_stats, game.state.students["large"].batch_stats
    assert equal(*theirs) is equal(*students) is not moves
    # The player's own always move.
    assert not equal(after_student.students["large"].batch_stats, game.state.students["large"].batch_stats)
    assert not equal(after_generator.generator.batch_stats, game.state.generator.batch_stats)


def test_batch_and_running_statistics_give_other_losses(game):
    losses = {mode: play(generator(game, mode), game)[1][0] for mode in BATCH_STATS}
    assert losses["moving"] == losses["batch"] != losses["running"]


def test_what_a_student_learns_depends_on_the_teacher(game):
    def learnt(teacher_variables):
        return student(game)(game.state, teacher_variables, jax.random.key(0))[0].students["large"].params

    other = jax.tree.map(lambda leaf: leaf + 0.1, game.teacher_variables)
    assert not equal(learnt(game.teacher_variables), learnt(other))


class TeacherDifferentiatedError(Exception):
    """Somebody asked how a loss changes with the teacher's weights."""


@jax.custom_jvp
def frozen(variables):
    """The variables as they are; to differentiate by them raises, whether or not anybody reads the result."""
    return variables


@frozen.defjvp
def _(primals, tangents):
    raise TeacherDifferentiatedError


@pytest.mark.parametrize("player", [student, generator])
def test_no_gradient_reaches_the_teachers_weights(game, player):
    teacher = game.teacher._replace(
        apply=lambda variables, *inputs, **how: game.teacher.apply(frozen(variables), *inputs, **how)
    )
    step = player(game._replace(teacher=teacher))

    def results(teacher_variables):
        return step(game.state, teacher_variables, jax.random.key(0))

    jax.eval_shape(results, game.teacher_variables)
    with pytest.raises(TeacherDifferentiatedError):  # as it would be for a step that asked
        jax.eval_shape(lambda v: jax.jvp(results, (v,), (v,)), game.teacher_variables)


def test_students_of_a_joint_step_take_the_steps_they_would_take_alone(game):
    optimizer = sgd(constant(0.01), momentum=0.9, weight_decay=0.0)
    both, large, small = (
        play(jax.jit(student_step(match(game, *names), optimizer, generator_mode=BATCH_STATS["moving"])), game)[0]
        for names in (("large", "small"), ("large",), ("small",))
    )
    alone = {"large": large.students["large"], "small": small.students["small"]}
    chex.assert_trees_all_close(both.students, alone, rtol=1e-5, atol=1e-6)
    chex.assert_trees_all_close(both.generator, large.generator, rtol=1e-5, atol=1e-6)


def test_the_generator_of_a_joint_step_meets_the_mean_disagreement(game):
    mode = BATCH_STATS["batch"]
    both, large, small = (
        play(jax.jit(generator_step(match(game, *names), adam(constant(1e-3)), student_mode=mode)), game)[1][0]
        for names in (("large", "small"), ("large",), ("small",))
    )
    assert both == pytest.approx((large + small) / 2, rel=1e-5) and large != small


def test_several_steps_at_once_are_one_pass_of_the_teacher(game):
    seen = []

    def watching(variables, images, *, train):
        seen.append(len(images))
        return game.teacher.apply(variables, images, train=train)

    optimizer = sgd(constant(0.01), momentum=0.9, weight_decay=0.0)
    watched = match(game, "large")._replace(teacher=game.teacher._replace(apply=watching))
    step = many_student_steps(watched, optimizer, generator_mode=BATCH_STATS["moving"], times=4, at_once=2)
    jax.eval_shape(step, game.state, game.teacher_variables, jax.random.key(0))
    assert seen == [2 * BATCH]
