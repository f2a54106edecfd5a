"""The game's mathematics: who moves, where to, and what stays."""

import chex
import jax
import jax.numpy as jnp
import pytest
from tiny_game import BATCH, LATENTS, constant, equal, make_game

from akd_jax.methods.match import Match, generator_step, many_student_steps, student_step
from akd_jax.methods.players import BATCH_STATS
from akd_jax.objectives import OBJECTIVES
from akd_jax.optimizers import adam, sgd

LATENT_BATCH = jax.random.normal(jax.random.key(5), (BATCH, LATENTS))


def fixed(key):
    """The same latents whatever the key, so that two losses can be compared."""
    return LATENT_BATCH


@pytest.fixture(scope="module")
def game():
    return make_game()


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
        losses.append(sum(map(float, jax.tree.leaves(metrics))))
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
    same = jax.jit(generator_step(match(game, "large"), optimizer, **settings, image_penalty=lambda images: 2.0))
    fined = jax.jit(
        generator_step(
            match(game, "large"), optimizer, **settings, image_penalty=lambda x: 100 * jnp.square(x[0]).mean()
        )
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


def test_the_default_is_the_references_behaviour():
    default, moving = (make_game(**settings) for settings in ({}, {"other_player": "moving"}))
    key = jax.random.key(0)
    states = [jax.jit(g.method.turns["large"].round)(g.state, g.teacher_variables, key)[0] for g in (default, moving)]
    assert equal(*states)


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


def test_turns_share_the_generator_and_its_optimizer(game):
    state, key = game.state, jax.random.key(0)
    for name in ("large", "small", "large"):
        state, metrics = jax.jit(game.method.turns[name].round)(state, game.teacher_variables, key)
        assert set(metrics) == {"student_loss", "generator_loss"}
    adam_state = state.generator.opt_state[0]
    assert adam_state.count == 3


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


@pytest.mark.parametrize(
    ("at_once", "turns", "other_player"), [(2, (), "moving"), (4, [("large", "small")], "moving"), (2, (), "running")]
)
def test_a_teacher_that_looks_at_the_images_of_several_steps_at_once_says_the_same(at_once, turns, other_player):
    settings = {"student_steps": 4, "turns": turns, "other_player": other_player,
                "sample_latents": lambda key, *, num: jax.random.normal(key, (num, LATENTS), jnp.float64)}  # fmt: skip
    with jax.enable_x64(True):
        one, many = (make_game(**settings, teacher_steps=steps) for steps in (1, at_once))
        state, teacher = jax.tree.map(doubled, (one.state, one.teacher_variables))
        name = next(iter(one.method.turns))
        wanted, found = (jax.jit(g.method.turns[name].round)(state, teacher, jax.random.key(3)) for g in (one, many))
        assert not equal(wanted[0].students, state.students)
        assert {leaf.dtype.name for leaf in jax.tree.leaves(wanted[1])} == {"float64"}
        chex.assert_trees_all_close(found, wanted, rtol=0, atol=1e-12)


def doubled(leaf):
    return leaf.astype(jnp.float64) if leaf.dtype == jnp.float32 else leaf


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
