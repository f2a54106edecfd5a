"""bfloat16 is for the networks' computation: what is kept from round to round, and what it is judged by, is float32."""

import akd
import jax
import jax.numpy as jnp
import pytest
from hlo import operations
from jax import export
from jax.flatten_util import ravel_pytree
from tiny_game import constant, make_game

from akd_jax import teacher_files
from akd_jax.config_dict import from_dict
from akd_jax.experiment import build
from akd_jax.optimizers import sgd
from akd_jax.steps import run_rounds

WIDE = {"float32", "int32"}  # int32: what is counted


def types(tree):
    return {leaf.dtype.name for leaf in jax.tree.leaves(tree)}


@pytest.fixture(scope="module", params=["bfloat16", "float32"])
def game(request):
    """(dtype, experiment, shapes of its first state, teacher's variables)."""
    config = from_dict(akd.get_config("digits").to_dict() | {"dtype": request.param})
    info, teacher = teacher_files.load(config.teacher)
    experiment = build(config, info.task, teacher=info.arch)
    return (
        request.param,
        experiment,
        jax.eval_shape(experiment.method.init, jax.random.key(0)),
        experiment.freeze(teacher),
    )


@pytest.fixture(scope="module")
def lowered(game):
    """A round for CUDA, as text."""
    _, experiment, state, teacher = game
    round = run_rounds(next(iter(experiment.method.turns.values())).round, 2)

    def from_key_data(state, teacher, data):
        return round(state, teacher, jax.random.wrap_key_data(data))

    exported = export.export(jax.jit(from_key_data), platforms=["cuda"])
    return str(exported(state, teacher, jax.ShapeDtypeStruct((2,), jnp.uint32)).mlir_module())


def test_players_and_losses_are_float32(game):
    _, experiment, state, teacher = game
    assert types(state) == WIDE
    for turn in experiment.method.turns.values():
        moved, metrics = jax.eval_shape(run_rounds(turn.round, 2), state, teacher, jax.random.key(0))
        assert types(moved) == WIDE and types(metrics) == {"float32", "bool"}, "numbers, and what was not finite"
        assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), moved) == jax.tree.map(
            lambda leaf: (leaf.shape, leaf.dtype), state
        )


def test_what_networks_return_is_float32(game):
    _, experiment, state, teacher = game
    images = jax.eval_shape(lambda s, k: experiment.method.sample(s, k, num=3), state, jax.random.key(0))
    assert types(images) == {"float32"}
    players = [(network, state.students[name].variables, True) for name, network in experiment.students.items()]
    for network, variables, learns in [*players, (experiment.teacher, teacher, False)]:
        for train in {False, learns}:
            apply = lambda v, x, network=network, train=train: network.apply(v, x, train=train)  # noqa: E731
            outputs, statistics = jax.eval_shape(apply, variables, images)
            assert types(outputs) == {"float32"} and types(statistics) <= {"float32"}  # a folded network has none


def test_convolutions_and_products_are_as_wide_as_wanted(game, lowered):
    short = {"bfloat16": "bf16", "float32": "f32"}[game[0]]
    for name in ("convolution", "dot_general"):
        found = {kinds for kinds, _ in operations(lowered, name)}
        assert found == {" ".join([short] * 3)}


def test_sums_over_a_batch_are_float32(lowered):
    """A number of eight bits to which hundreds are added one by one soon stands still."""
    narrow = [line for kinds, line in operations(lowered, "reduce") if "bf16" in kinds]
    assert [line for line in narrow if "dimensions = [0" in line] == []


def test_nothing_is_float64(lowered):
    assert "f64" not in lowered


def moves(dtype):
    """(metrics of a round, by how much it moved the players' parameters, flat, by player), from the same beginning."""
    game = make_game(
        dtype=dtype,
        batch_size=64,
        student_steps=3,
        # Adam makes steps of the noise in gradients that are 0, as those of biases before a batch norm.
        generator_optimizer=lambda updates: sgd(constant(0.05), momentum=0.9, weight_decay=0.0),
    )
    state, metrics = jax.jit(game.method.turns["large"].round)(game.state, game.teacher_variables, jax.random.key(3))
    players = {"student": lambda s: s.students["large"], "generator": lambda s: s.generator}
    moved = {
        name: ravel_pytree(jax.tree.map(jnp.subtract, player(state).params, player(game.state).params))[0]
        for name, player in players.items()
    }
    return metrics, moved


@pytest.mark.slow
def test_a_round_in_bfloat16_stays_close_to_float32():
    """The generator's gradient goes through two networks whose difference it is of: 0.23 to 0.28 apart."""
    (metrics, moved), (wanted, wanted_moves) = moves(jnp.bfloat16), moves(None)
    assert not any(values.any() for values in jax.tree.leaves(metrics) if values.dtype == bool), "a step was left out"
    for own, other in [
        (metrics["student_loss"]["large"], wanted["student_loss"]["large"]),
        (metrics["generator_loss"], wanted["generator_loss"]),
    ]:
        assert own != other, "it is computed in another type"
        assert float(own) == pytest.approx(float(other), rel=0.02)
    for name, most in {"student": 0.15, "generator": 0.4}.items():
        apart = jnp.linalg.norm(moved[name] - wanted_moves[name]) / jnp.linalg.norm(wanted_moves[name])
        assert 0 < apart < most, (name, apart)
