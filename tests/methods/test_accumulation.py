"""Accumulated gradients: a batch played in parts makes the update of the whole."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tiny_game import equal

from akd_jax.families import FAMILIES
from akd_jax.methods import METHODS
from akd_jax.methods.accumulation import accumulated, of_mean
from akd_jax.methods.supervised import supervised
from akd_jax.objectives import OBJECTIVES, cross_entropy
from akd_jax.optimizers import adam, learning_rate, sgd
from akd_jax.steps import numbered
from akd_jax.types import Lessons, Network, Outputs, Variables

BATCH, PARTS, LATENTS, STEPS, ROUNDS = 12, 3, 4, 2, 3

OWN = {
    "akd": {"objective": OBJECTIVES["l1"](1.0), "student_steps": STEPS},
    "zskt": {"temperature": 1.0, "attention_weight": 10.0, "student_statistics": "moving", "student_steps": STEPS},
    "dafl": {"temperature": 1.0, "one_hot_weight": 0.5, "balance_weight": 0.0, "activation_weight": 0.1},
    "dfq": {
        "temperature": 1.0,
        "batch_norm_weight": 1.0,
        "one_hot_weight": 1.0,
        "balance_weight": 0.0,
        "student_statistics": "running",
        "student_steps": STEPS,
    },
}
"""Of each game that accumulates; without balance, which is of the shares of a whole batch and no mean over images."""


def linear(outputs, wrap):
    """A network without batch norms, to which a batch is no more than its examples."""

    def apply(variables, inputs, *, train):
        return wrap(jnp.tanh(inputs.reshape(len(inputs), -1) @ variables.params)), variables.batch_stats

    return Network(
        lambda key, inputs: Variables(jax.random.normal(key, (int(np.prod(inputs.shape[1:])), outputs)), {}), apply
    )


def classifier():
    """Its logits are its one stage too, of three positions."""
    return linear(3, lambda logits: Outputs(logits, logits, {}, (logits[:, :, None, None],)))


def rate(updates):
    return learning_rate(0.1, schedule="cosine", steps=updates)


def student_optimizer(updates):
    return sgd(rate(updates), momentum=0.9, weight_decay=0.01)


def game(sample_latents, name="akd", **settings):
    teacher = classifier()
    method = METHODS[name](
        teacher,
        {"one": classifier(), "other": classifier()},
        linear(4, lambda images: images.reshape(-1, 2, 2, 1)),
        student_optimizer=student_optimizer,
        generator_optimizer=lambda updates: adam(rate(updates)),
        sample_latents=sample_latents,
        batch_size=BATCH,
        rounds=ROUNDS,
        turns=[("one", "other")],
        **OWN[name],
        **settings,
    )
    return method, teacher.init(jax.random.key(1), jnp.zeros((1, 2, 2, 1)))


def school(**settings):
    images = jax.random.randint(jax.random.key(5), (4 * BATCH, 2, 2, 1), 0, 256).astype(jnp.uint8)
    method = supervised(
        None,
        {"one": classifier(), "other": classifier()},
        loss=lambda target, outputs, labels: cross_entropy(outputs, labels),
        optimizer=student_optimizer,
        augment=lambda key, images: images,
        normalise=lambda images: images / 255,
        image_shape=(2, 2, 1),
        batch_size=BATCH,
        examples=len(images),
        epochs=ROUNDS,
        rounds_per_epoch=1,
        turns=[("one", "other")],
        average=0.75,
        **settings,
    )
    return method, Lessons(images, images[:, 0, 0, 0] % 3, jax.random.key(6))


def in_parts(key, *, num):
    return jax.random.normal(key, (num, LATENTS))


def all_at_once(key, *, num):
    """The parts that a step of PARTS draws, as one batch."""
    return jnp.concatenate([in_parts(part, num=num // PARTS) for part in jax.random.split(key, PARTS)])


def play(method, given, state, rounds=ROUNDS):
    round = jax.jit(numbered(method.turns["one+other"].round))
    for _ in range(rounds):
        state, metrics = round(state, given, jax.random.key(0))
    return state, metrics


def test_every_family_accumulates_or_says_that_it_does_not():
    assert {METHODS[name] for name in OWN} | {supervised} == {each for each in FAMILIES if not FAMILIES[each].keeps}


@pytest.mark.parametrize("name", OWN)
def test_parts_make_the_updates_of_the_whole(name):
    """Momentum, weight decay, Adam's moments and a rate that falls among them."""
    parts, teacher = game(in_parts, name, accumulate=PARTS)
    whole, _ = game(all_at_once, name)
    start = parts.init(jax.random.key(0))
    begun = whole.init(jax.random.key(0))
    assert equal(start.generator.params, begun.generator.params)
    (one, metrics), (other, wanted) = play(parts, teacher, start), play(whole, teacher, begun)
    players = [(*state.students.values(), state.generator) for state in (one, other)]
    for found, player in zip(*players, strict=True):
        np.testing.assert_allclose(found.params, player.params, rtol=3e-6, atol=2e-6)
        inner = zip(*map(jax.tree.leaves, (found.opt_state.inner_opt_state, player.opt_state)), strict=True)
        for own, same in inner:
            np.testing.assert_allclose(own, same, rtol=3e-6, atol=2e-6)
    np.testing.assert_allclose(metrics["generator_loss"], wanted["generator_loss"], atol=1e-6)
    assert float(jnp.abs(other.generator.params - begun.generator.params).max()) > 0.1


def test_parts_of_labelled_images_make_the_updates_of_the_whole():
    """And move the average that a student keeps of itself once each."""
    (parts, lessons), (whole, _) = school(accumulate=PARTS), school()
    start = parts.init(jax.random.key(0))
    (one, metrics), (other, wanted) = play(parts, lessons, start), play(whole, lessons, whole.init(jax.random.key(0)))
    for name, player in other.students.items():
        found = one.students[name]
        np.testing.assert_allclose(found.params, player.params, rtol=3e-6, atol=2e-6)
        np.testing.assert_allclose(found.average.params, player.average.params, rtol=3e-6, atol=2e-6)
        assert float(jnp.abs(player.params - start.students[name].params).max()) > 0.1
        for metric in ("student_loss", "top1"):
            np.testing.assert_allclose(metrics[metric][name], wanted[metric][name], atol=1e-6)


def test_schedules_and_queries_count_updates():
    parts, teacher = game(in_parts, accumulate=PARTS)
    assert [turn.teacher_queries for turn in parts.turns.values()] == [(STEPS + 1) * BATCH]
    state, _ = play(parts, teacher, parts.init(jax.random.key(0)))
    assert state.students["one"].opt_state.gradient_step == STEPS * ROUNDS
    assert state.generator.opt_state.gradient_step == ROUNDS
    assert state.generator.opt_state.mini_step == 0
    # The rate's end is the run's: the next update moves nothing.
    again, _ = play(parts, teacher, state, rounds=1)
    np.testing.assert_allclose(again.students["one"].params, state.students["one"].params, atol=1e-6)


def test_a_part_that_is_not_finite_leaves_the_update_out():
    bad = jax.random.key_data(jax.random.split(jax.random.key(7), PARTS)[1])

    def sample(key, *, num):
        return jnp.where((jax.random.key_data(key) == bad).all(), jnp.nan, in_parts(key, num=num))

    method, teacher = game(sample, accumulate=PARTS)
    state = method.init(jax.random.key(0))
    for name, step in method.turns["one+other"].steps.items():
        kept, metrics = jax.jit(step)(state, teacher, jax.random.key(7))
        assert equal(kept, state)
        assert any(metrics[f"{name}_faults"].values())
        moved, metrics = jax.jit(step)(state, teacher, jax.random.key(8))
        assert not equal(moved, state)
        assert not any(metrics[f"{name}_faults"].values())


def test_the_mean_of_two_gradients_moves_once_by_hand():
    optimizer = of_mean(optax.sgd(0.5), 2)
    parameter, moves = jnp.float32(1.0), []
    state = optimizer.init(parameter)
    for gradient in (1.0, 3.0, -2.0, 0.0):
        update, state = optimizer.update(jnp.float32(gradient), state, parameter)
        moves.append(float(update))
    assert moves == pytest.approx([0.0, -0.5 * 2.0, 0.0, 0.5 * 1.0])


def test_one_part_is_the_step_itself():
    step, optimizer = object(), optax.sgd(0.1)
    assert accumulated(step, 1) is step and of_mean(optimizer, 1) is optimizer


def test_players_who_stand_still_come_back_as_they_are():
    """The same arrays, by which a guard knows that there is nothing to look at or to choose from."""
    method, teacher = game(in_parts)
    state, found = method.init(jax.random.key(0)), []
    step = accumulated(method.turns["one+other"].steps["student_step"], PARTS)

    @jax.jit
    def look(state):
        after, _ = step(state, teacher, jax.random.key(1))
        for player, before in ((after.generator, state.generator), (after.students["one"], state.students["one"])):
            pairs = zip(*map(jax.tree.leaves, (player.params, before.params)), strict=True)
            found.append([new is old for new, old in pairs])
        return after

    look(state)
    assert found == [[True], [False]]
