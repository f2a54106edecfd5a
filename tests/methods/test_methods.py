"""What holds for every method of the table."""

import jax
import jax.numpy as jnp
import pytest
from tiny_game import BATCH, equal, make_game

from akd_jax.methods import METHODS, READ_STATISTICS

FAMILIES = tuple({builder: name for name, builder in reversed(METHODS.items())}.values())
"""Every method under one name."""
QUERIES = {"akd": 3, "dfad": 3, "zskt": 2, "dafl": 2, "dfq": 3, "fast": 4}
"""Batches that the teacher is shown in a round of two student steps."""


@pytest.fixture(scope="module", params=FAMILIES)
def game(request):
    return make_game(request.param)


@pytest.fixture(scope="module")
def round(game):
    return jax.jit(game.method.turns["large"].round)


@pytest.mark.parametrize("step", ["student_step", "generator_step"])
def test_a_step_that_is_not_finite_leaves_the_whole_state_as_it_was(game, step):
    bad = jax.tree.map(lambda leaf: leaf * jnp.nan, game.teacher_variables)
    for turn in game.method.turns.values():
        play = jax.jit(turn.steps[step])
        (left, reported), (moved, fine) = (
            play(game.state, v, jax.random.key(1)) for v in (bad, game.teacher_variables)
        )
        assert equal(left, game.state) and not equal(moved, game.state)
        (loss, *_), faults = reported[f"{step}_faults"], reported[f"{step}_faults"].values()
        assert loss.startswith(step.replace("step", "loss")) and all(faults)
        assert not any(fine[f"{step}_faults"].values())


@pytest.mark.parametrize("step", ["student_step", "generator_step"])
def test_a_step_lowers_its_loss_on_the_same_latents(game, step):
    play = jax.jit(game.method.turns["large"].steps[step])
    state, losses = game.state, []
    for _ in range(8):
        state, metrics = play(state, game.teacher_variables, jax.random.key(3))
        losses.append(sum(map(float, jax.tree.leaves(metrics[step.replace("step", "loss")]))))
    assert losses[-1] < losses[0]


def test_a_round_moves_both_players_and_reports_their_losses(game, round):
    state, metrics = round(game.state, game.teacher_variables, jax.random.key(0))
    assert set(metrics) == {
        "student_loss", "student_gradient_norm", "student_step_faults",
        "generator_loss", "generator_gradient_norm", "generator_step_faults",
    }  # fmt: skip
    players = [(each.generator, each.students["large"]) for each in (game.state, state)]
    for before, after in zip(*players, strict=True):
        assert not equal(before.params, after.params) and not equal(before.batch_stats, after.batch_stats)
    assert equal(game.state.students["small"], state.students["small"])
    assert jax.tree.map(jnp.shape, state) == jax.tree.map(jnp.shape, game.state)


def shown(game, name):
    """Images that the teacher is shown in a round, counted as they come; a loop's body comes once."""
    seen = []

    def watching(variables, images, *, train):
        jax.debug.callback(lambda images: seen.append(len(images)), images)
        return game.teacher.apply(variables, images, train=train)

    watched = make_game(name, networks=(game.teacher._replace(apply=watching), game.students, game.generator))
    jax.block_until_ready(
        jax.jit(watched.method.turns["large"].round)(game.state, game.teacher_variables, jax.random.key(0))
    )
    jax.effects_barrier()
    return sum(seen)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_teachers_queries_are_what_it_is_shown(name):
    game = make_game(name)
    for turn in game.method.turns.values():
        assert turn.teacher_queries == QUERIES[name] * BATCH
    assert shown(game, name) == QUERIES[name] * BATCH


@pytest.mark.parametrize("name", FAMILIES)
def test_only_those_that_say_so_read_the_teachers_statistics(name):
    """Others play as well with a teacher that has none to read."""
    game = make_game(name)

    def blind(variables, images, *, train):
        outputs, stats = game.teacher.apply(variables, images, train=train)
        return outputs.replace(batch_norm_inputs={}), stats

    teacher = game.teacher._replace(apply=blind)
    played = make_game(name, networks=(teacher, game.students, game.generator)).method.turns["large"].round
    key = jax.random.key(0)
    if name in READ_STATISTICS:
        with pytest.raises(ValueError):
            jax.eval_shape(played, game.state, game.teacher_variables, key)
    else:
        jax.eval_shape(played, game.state, game.teacher_variables, key)
