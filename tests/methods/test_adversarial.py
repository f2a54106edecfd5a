"""The method: its turns, its rounds, its beginnings."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from stage import poisoned
from tiny_game import BATCH, LATENTS, constant, doubled, equal, make_game, normal, normal_doubled, quick

from akd_jax.optimizers import adam
from akd_jax.steps import run_rounds


def test_the_default_is_the_references_behaviour():
    default, moving = (make_game(**settings) for settings in ({}, {"other_player": "moving"}))
    played = (g.method.turns["large"].round for g in (default, moving))
    given = default.state, default.teacher_variables, jax.random.key(0)
    one, other = (jax.jit(round).lower(*given).as_text() for round in played)
    assert one == other


def test_turns_share_the_generator_and_its_optimizer(game):
    state, key = game.state, jax.random.key(0)
    for name in ("large", "small", "large"):
        state, metrics = jax.jit(game.method.turns[name].round)(state, game.teacher_variables, key)
        assert set(metrics) == {
            "student_loss", "student_gradient_norm", "student_step_faults",
            "generator_loss", "generator_gradient_norm", "generator_step_faults",
        }  # fmt: skip
    adam_state = state.generator.opt_state[0]
    assert adam_state.count == 3


def test_steps_that_share_a_pass_of_the_teacher_are_left_out_together():
    key = jax.random.key(0)
    bad = jax.random.split(jax.random.split(key)[0], 4)[2]  # the third of four student steps
    latents = poisoned(lambda key, *, num: jax.random.normal(key, (num, LATENTS)), [jax.random.key_data(bad)])
    game = make_game(student_steps=4, teacher_steps=2, sample_latents=latents)
    _, metrics = jax.jit(game.method.turns["large"].round)(game.state, game.teacher_variables, key)
    assert metrics["student_step_faults"]["student_loss of large"].tolist() == [False, False, True, True]
    assert jnp.isfinite(metrics["student_loss"]["large"]) and not any(metrics["generator_step_faults"].values())


def test_turns_say_what_they_are(game):
    assert list(game.method.turns) == ["large", "small"]
    for name, turn in game.method.turns.items():
        assert turn.students == (name,)
        assert turn.teacher_queries == (2 + 1) * BATCH


@pytest.fixture(scope="module")
def joint():
    return make_game(turns=[("large", "small")])


def test_in_a_joint_turn_all_students_learn_and_one_generator_step_follows(joint):
    (turn,) = joint.method.turns.values()
    assert list(joint.method.turns) == ["large+small"]
    assert (
        turn.students == ("large", "small") and turn.teacher_queries == (2 + 1) * BATCH
    )  # one pass of the teacher for all
    state, metrics = jax.jit(turn.round)(joint.state, joint.teacher_variables, jax.random.key(0))
    assert metrics["student_loss"].keys() == {"large", "small"} and metrics["generator_loss"].shape == ()
    assert state.generator.opt_state[0].count == 1
    for name in ("large", "small"):
        assert not equal(state.students[name].params, joint.state.students[name].params)


@pytest.mark.parametrize(
    ("at_once", "turns", "other_player"),
    [
        (2, (), "moving"),
        pytest.param(4, [("large", "small")], "moving", marks=pytest.mark.slow),
        pytest.param(2, (), "running", marks=pytest.mark.slow),
    ],
)
def test_a_teacher_that_looks_at_the_images_of_several_steps_at_once_says_the_same(at_once, turns, other_player):
    settings = {"student_steps": 4, "turns": turns, "other_player": other_player, "sample_latents": normal_doubled}
    with jax.enable_x64(True):
        one, many = (make_game(**settings, teacher_steps=steps) for steps in (1, at_once))
        state, teacher = doubled((one.state, one.teacher_variables))
        name = next(iter(one.method.turns))
        wanted, found = (jax.jit(g.method.turns[name].round)(state, teacher, jax.random.key(3)) for g in (one, many))
        assert not equal(wanted[0].students, state.students)
        for _, metrics in (wanted, found):
            assert not any(jnp.any(flags) for flags in metrics.pop("student_step_faults").values())  # of other shapes
            metrics.pop("generator_step_faults")
        assert {leaf.dtype.name for leaf in jax.tree.leaves(wanted[1])} == {"float64"}
        # A bias before a batch norm has no gradient but rounding, of which Adam makes a step.
        chex.assert_trees_all_close(found, wanted, rtol=0, atol=1e-11)


@pytest.fixture(scope="module")
def replaying():
    """A game whose generator remembers, after two rounds: what it is and what it was are not the same."""
    made = make_game(replay_decay=0.75)
    assert equal(made.state.generator.average, made.state.generator.variables)
    state, _ = quick(run_rounds(made.method.turns["large"].round, 2))(
        made.state, made.teacher_variables, jax.random.key(0)
    )
    return made._replace(state=state)


def test_the_generators_average_follows_it_at_its_own_steps(replaying):
    turn, before = replaying.method.turns["large"], replaying.state
    after, _ = quick(turn.steps["generator_step"])(before, replaying.teacher_variables, jax.random.key(1))
    old, new, found = map(
        jax.tree.leaves, (before.generator.average, after.generator.variables, after.generator.average)
    )
    for was, now, kept in zip(old, new, found, strict=True):
        np.testing.assert_allclose(kept, 0.75 * np.asarray(was) + 0.25 * np.asarray(now), rtol=1e-6, atol=1e-7)
    learnt, _ = quick(turn.steps["student_step"])(before, replaying.teacher_variables, jax.random.key(1))
    assert equal(learnt.generator.average, before.generator.average)
    assert not equal(learnt.generator.batch_stats, before.generator.batch_stats)  # of its own half


def test_every_other_image_that_students_see_is_of_the_generators_average(replaying):
    """Told from the statistics of the student's first batch norm, and the loss, of images drawn by hand."""
    state, teacher, student = replaying.state, replaying.teacher_variables, replaying.students["large"]
    key = jax.random.key(2)
    learnt, metrics = quick(replaying.method.turns["large"].steps["student_step"])(state, teacher, key)

    @quick
    def by_hand(state):
        latents = normal(key, num=BATCH)
        new, _ = replaying.generator.apply(state.generator.variables, latents[0::2], train=True)
        old, _ = replaying.generator.apply(state.generator.average, latents[1::2], train=True)
        images = jnp.concatenate([new[:1], old[:1], new[1:], old[1:]])
        outputs, stats = student.apply(state.students["large"].variables, images, train=True)
        told, _ = replaying.teacher.apply(teacher, images, train=False)
        return jnp.abs(told.logits - outputs.logits).mean(), stats

    loss, stats = by_hand(state)
    np.testing.assert_allclose(metrics["student_loss"]["large"], loss, rtol=1e-5)
    chex.assert_trees_all_close(learnt.students["large"].batch_stats, stats, rtol=1e-5, atol=1e-6)


def test_schedules_are_as_long_as_the_run():
    sizes = {}

    def sized(name):
        def optimizer(updates):
            sizes[name] = updates
            return adam(constant(1e-3))

        return optimizer

    make_game(student_steps=3, rounds=7, student_optimizer=sized("student"), generator_optimizer=sized("generator"))
    assert sizes == {"student": 3 * 7, "generator": 2 * 7}


def test_sample_draws_any_number(game):
    images = game.method.sample(game.state, jax.random.key(0), num=3)
    assert images.shape == (3, 8, 8, 1)


def test_a_joint_run_has_one_generator_step_a_round():
    sizes = []
    make_game(
        turns=[("large", "small")], generator_optimizer=lambda updates: sizes.append(updates) or adam(constant(1e-3))
    )
    assert sizes == [10]


def test_a_program_does_not_grow_with_the_student_steps():
    """So that it compiles as fast; a program's length is measured, not a time."""

    def lines(student_steps):
        played = make_game(student_steps=student_steps)
        round = played.method.turns["small"].round
        text = jax.jit(round).lower(played.state, played.teacher_variables, jax.random.key(0)).as_text()
        return text.count("\n")

    assert lines(15) == lines(3)
