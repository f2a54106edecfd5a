"""What holds for every method that plays with a generator."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import pytest
from stage import PLAYED, poisoned
from tiny_game import BATCH, CLASSES, LATENTS, SIZE, Game, equal, make_game, make_method, make_networks, quick

from akd_jax.families import FAMILIES
from akd_jax.methods import METHODS

GAMES = tuple(name for name in PLAYED if FAMILIES[METHODS[name]].draws)
QUERIES = {
    "akd": 3,
    "dfad": 3,
    "zskt": 2,
    "dafl": 2,
    "dfq": 3,
    "fast": 4,
    "nayer": 12,
    "deepinversion": 4,
    "cmi": 6,
    "spaceship": 4,
}
"""Batches that the teacher is shown in a round of two student steps."""

BAD = jax.random.key(1)
"""Of this key, latents are not numbers."""


class Played(NamedTuple):
    """A game and its compiled steps and round of one turn; shown: how many images the teacher was, each time."""

    name: str
    game: Game
    steps: dict[str, Callable]
    round: Callable
    shown: list[int]


ONE_OF_A_KIND = ("akd", "zskt", "fast", "spaceship")
"""Without a bank, several times on the same images, with a bank, and with more than images in it."""
KINDS = pytest.mark.parametrize(
    "played",
    [pytest.param(name, marks=[pytest.mark.slow] * (name not in ONE_OF_A_KIND)) for name in GAMES],
    indirect=True,
    scope="module",
)


@pytest.fixture(scope="module", params=GAMES)
def played(request):
    shown, (teacher, *others) = [], make_networks()

    def watched(variables, images, **how):
        jax.debug.callback(lambda images: shown.append(len(images)), images)
        return teacher.apply(variables, images, **how)

    latents = poisoned(lambda key, *, num: jax.random.normal(key, (num, LATENTS)), [jax.random.key_data(BAD)])
    game = make_game(request.param, networks=(teacher._replace(apply=watched), *others), sample_latents=latents)
    turn = game.method.turns["large"]
    steps = {name: quick(step) for name, step in turn.steps.items()}
    return Played(request.param, game, steps, quick(turn.round), shown)


@KINDS
@pytest.mark.parametrize("step", ["student_step", "generator_step"])
def test_a_step_that_is_not_finite_leaves_the_whole_state_as_it_was(played, step):
    """Of a teacher that is not finite, and of latents that are not, which spoil losses, gradients and statistics alike;
    students who learn from bytes see finite ones, nayer draws no latents, deepinversion's are to be finite pixels,
    and cmi and spaceship draw with keys of their own.
    """
    state, teacher = played.game.state, played.game.teacher_variables
    bad = jax.tree.map(lambda leaf: leaf * jnp.nan, teacher)
    (left, reported), (moved, fine) = (played.steps[step](state, given, jax.random.key(2)) for given in (bad, teacher))
    assert equal(left, state) and not equal(moved, state)
    (loss, fault), *_ = reported[f"{step}_faults"].items()
    assert loss.startswith(step.replace("step", "loss")) and fault.all()
    assert not any(each.any() for each in fine[f"{step}_faults"].values())
    if played.name not in ("fast", "nayer", "deepinversion", "cmi", "spaceship"):
        left, reported = played.steps[step](state, teacher, BAD)
        assert equal(left, state) and all(each.all() for each in reported[f"{step}_faults"].values())


@KINDS
@pytest.mark.parametrize("step", ["student_step", "generator_step"])
def test_a_step_lowers_its_loss_on_the_same_latents(played, step):
    if step == "generator_step" and played.name in ("deepinversion", "cmi"):
        pytest.skip(f"all begins anew in each step; tests/methods/test_{played.name}.py sees its loss fall within one")
    state, losses = played.game.state, []
    for _ in range(8):
        state, metrics = played.steps[step](state, played.game.teacher_variables, jax.random.key(3))
        losses.append(sum(map(float, jax.tree.leaves(metrics[step.replace("step", "loss")]))))
    assert losses[-1] < losses[0]


def test_a_round_moves_both_players_and_reports_what_it_did(played):
    """Their losses, and to the ledger how many images the teacher is shown."""
    game = played.game
    played.shown.clear()
    state, metrics = played.round(game.state, game.teacher_variables, jax.random.key(0))
    jax.block_until_ready(state)
    jax.effects_barrier()
    assert sum(played.shown) == QUERIES[played.name] * BATCH
    assert {turn.teacher_queries for turn in game.method.turns.values()} == {sum(played.shown)}
    assert set(metrics) == {
        "student_loss", "student_gradient_norm", "student_step_faults",
        "generator_loss", "generator_gradient_norm", "generator_step_faults",
    }  # fmt: skip
    players = [(each.generator, each.students["large"]) for each in (game.state, state)]
    for before, after in zip(*players, strict=True):
        still = before is players[0][0] and FAMILIES[METHODS[played.name]].inverts
        assert equal(before.params, after.params) == still and not equal(before.batch_stats, after.batch_stats)
    assert equal(game.state.students["small"], state.students["small"])
    assert jax.tree.map(jnp.shape, state) == jax.tree.map(jnp.shape, game.state)


def test_only_those_that_say_so_read_the_teachers_statistics(played):
    """Others play as well with a teacher that has none to read."""
    game = played.game

    def blind(variables, images, *, train):
        outputs, stats = game.teacher.apply(variables, images, train=train)
        return outputs.replace(batch_norm_inputs={}), stats

    teacher = game.teacher._replace(apply=blind)
    round = make_method(played.name, 2, (teacher, game.students, game.generator)).turns["large"].round
    given = game.state, game.teacher_variables, jax.random.key(0)
    if FAMILIES[METHODS[played.name]].reads_statistics:
        with pytest.raises(ValueError):
            jax.eval_shape(round, *given)
    else:
        jax.eval_shape(round, *given)


@pytest.mark.parametrize("name", GAMES)
def test_every_batch_is_divided_among_devices(name):
    """In every step: the latents or images, and labels where there are any."""
    sizes, (teacher, *others) = [], make_networks()

    def split(batch):
        sizes.append(len(batch))
        return batch

    method = make_method(name, 2, (teacher, *others), split=split)
    key, images = jax.random.key(0), jax.ShapeDtypeStruct((1, SIZE, SIZE, 1), jnp.float32)
    given = jax.eval_shape(method.init, key), jax.eval_shape(teacher.init, key, images), key
    for kind, step in method.turns["large"].steps.items():
        sizes.clear()
        jax.eval_shape(step, *given)
        # NAYER looks at latents for their length alone, and makes its own.
        assert set(sizes) == ({BATCH, 2 * CLASSES} if (name, kind) == ("nayer", "generator_step") else {BATCH})
