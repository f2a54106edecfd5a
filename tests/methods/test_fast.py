"""Fast-Datafree: a synthesis as its steps written out, and what it leaves behind."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tiny_game import BATCH, CLASSES, LATENTS, equal, make_close_game, moved_images, moves, quick, weights

from akd_jax.methods.synthesis import grown
from akd_jax.objectives import kl
from akd_jax.pixels import to_pixels
from akd_jax.types import Variables

STEPS, MEAN, STD = 2, (0.4,), (0.3,)


@pytest.fixture(scope="module")
def game():
    """Of 20 rounds in all; the term counts from the third on, and the first layers begin anew in the sixth."""
    return make_close_game("fast", weights=weights(adversarial_from=2), reset_at=5)


@pytest.fixture(scope="module")
def synthesis(game):
    return quick(game.method.turns["large"].steps["generator_step"])


@pytest.fixture(scope="module")
def descend(game):
    """(parameters, latents, batch_stats, labels, where pixels come from, state, share of earlier statistics, weight)
    -> loss and gradients.
    """

    def loss(params, latents, stats, labels, found, state, share, adversarial):
        images, stats = game.generator.apply(Variables(params, stats), latents, train=True)
        shown = moved_images(images, found, mean=MEAN, std=STD)
        seen, _ = game.teacher.apply(game.teacher_variables, shown, train=False)
        told, _ = game.students["large"].apply(state.students["large"].variables, shown, train=False)
        found, before = seen.batch_norm_inputs, state.memory.statistics
        compared = jax.tree.map(lambda new, old: (1 - share) * new + share * old, found, before)
        distances = jax.tree.map(lambda a, b: jnp.linalg.norm(a - b), compared, game.teacher_variables.batch_stats)
        agreed = seen.logits.argmax(-1) == told.logits.argmax(-1)
        value = (
            10 * sum(jax.tree.leaves(distances))
            + 0.5 * optax.softmax_cross_entropy_with_integer_labels(seen.logits, labels).mean()
            - adversarial * (agreed * kl(1.0)(seen, told)).mean()
        )
        return value, (images, found, stats, agreed)

    return quick(jax.value_and_grad(loss, (0, 1), has_aux=True))


def written_out(descend, state, key, *, share, adversarial):
    """(losses, the images of the lowest, the sum of the copy's gradients, the last batch's statistics).

    Students agree with the teacher on some images and not on others, or the term's mask would not be seen.
    """
    latents_key, labels_key, steps_key = jax.random.split(key, 3)
    labels = jax.random.randint(labels_key, (BATCH,), 0, CLASSES)
    latents, params = jax.random.normal(latents_key, (BATCH, LATENTS)), state.generator.params
    stats = state.generator.batch_stats
    of_params, of_latents = optax.adam(1e-3, b1=0.5), optax.adam(0.01, b1=0.5)
    params_state, latents_state = of_params.init(params), of_latents.init(latents)
    lowest, total, losses, agreements = np.inf, jax.tree.map(jnp.zeros_like, params), [], []
    for step_key in jax.random.split(steps_key, STEPS):
        where = moves(step_key, num=BATCH, most=1)
        (value, (images, found, stats, agreed)), (down, along) = descend(
            params, latents, stats, labels, where, state, share, adversarial
        )
        losses.append(float(value))
        agreements.extend(agreed.tolist())
        if value < lowest:
            lowest, best = value, images
        total = jax.tree.map(jnp.add, total, down)
        updates, params_state = of_params.update(down, params_state)
        params = optax.apply_updates(params, updates)
        updates, latents_state = of_latents.update(along, latents_state)
        latents = optax.apply_updates(latents, updates)
    assert {*agreements} == {True, False}
    return losses, best, total, found


def test_a_synthesis_is_its_steps_written_out(game, synthesis, descend):
    """The first, and one with statistics to remember."""
    state = game.state.replace(step=jnp.int32(2))
    for number in range(2):
        key, share = jax.random.key(number), 0.9 if number else 0.0
        losses, images, total, found = written_out(descend, state, key, share=share, adversarial=1.33)
        before, (state, metrics) = state, synthesis(state, game.teacher_variables, key)
        assert float(metrics["generator_loss"]) == pytest.approx(np.mean(losses), rel=1e-4)
        assert float(metrics["generator_gradient_norm"]) == pytest.approx(float(optax.tree.norm(total)), rel=1e-3)
        kept = state.memory.bank.images[number * BATCH : (number + 1) * BATCH].astype(int)
        assert np.abs(kept - to_pixels(images, MEAN, STD).astype(int)).max() <= 1
        assert state.memory.bank.count == (number + 1) * BATCH
        wanted = jax.tree.map(
            lambda new, old, share=share: (1 - share) * new + share * old, found, before.memory.statistics
        )
        for one, other in zip(jax.tree.leaves(wanted), jax.tree.leaves(state.memory.statistics), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)


def test_the_adversarial_term_waits(game, synthesis, descend):
    assert len(game.method.turns) * 10 == 20
    found = []
    for number, wanted in ((1, 0.0), (2, 1.33)):
        state = game.state.replace(step=jnp.int32(number))
        losses, *_ = written_out(descend, state, jax.random.key(0), share=0.0, adversarial=wanted)
        _, metrics = synthesis(state, game.teacher_variables, jax.random.key(0))
        found.append(float(metrics["generator_loss"]))
        assert found[-1] == pytest.approx(np.mean(losses), rel=1e-4)
    assert found[0] != pytest.approx(found[1], rel=5e-4)


def test_a_curriculum_grows_evenly():
    weights = [float(grown(3.0, jnp.int32(round), begins=1.9, ramp=4.0)) for round in range(8)]
    assert weights == pytest.approx([0, 0, 3 * 1.1 / 4, 3 * 2.1 / 4, 3 * 3.1 / 4, 3, 3, 3])
    assert [float(grown(3.0, jnp.int32(round), begins=1.9, ramp=0.0)) for round in range(4)] == [0, 0, 3, 3]


def test_it_reaches_the_synthesis(synthesis, game, descend):
    """Ten rounds long, from the third on: in the seventh it is half of the way."""
    slow = make_close_game("fast", weights=weights(adversarial_from=2, adversarial_ramp=10), reset_at=5)
    state = game.state.replace(step=jnp.int32(6))
    losses, *_ = written_out(descend, state, jax.random.key(0), share=0.0, adversarial=1.33 / 2)
    step = quick(slow.method.turns["large"].steps["generator_step"])
    _, metrics = step(state, game.teacher_variables, jax.random.key(0))
    assert float(metrics["generator_loss"]) == pytest.approx(np.mean(losses), rel=1e-4)
    _, whole = synthesis(state, game.teacher_variables, jax.random.key(0))
    assert float(whole["generator_loss"]) != pytest.approx(float(metrics["generator_loss"]), rel=2e-4)


@pytest.fixture(scope="module")
def play(game):
    return quick(game.method.turns["large"].round)


def test_the_first_layers_begin_anew_once(game, play):
    """With weights of N(0, 0.02^2) and no biases, but for the one step of 1e-3 that follows."""
    before = game.state.generator.params
    for number in (4, 5, 6):
        state, _ = play(game.state.replace(step=jnp.int32(number)), game.teacher_variables, jax.random.key(7))
        after = state.generator.params
        far = jax.tree.map(lambda a, b: jnp.abs(a - b).max() > 2e-3, before, after)
        changed = {module for module in before if any(jax.tree.leaves(far[module]))}
        assert changed == ({"l1_0", "conv_blocks0_0"} if number == 5 else set())
        if number == 5:
            assert float(after["l1_0"]["kernel"].std()) == pytest.approx(0.02, rel=0.2)
            assert jnp.abs(after["l1_0"]["bias"]).max() < 2e-3 and jnp.abs(after["conv_blocks0_0"]["scale"]).max() < 0.1


def test_they_do_so_beside_a_synthesis_that_is_left_out(game, play):
    """Of a teacher that is not finite."""
    bad = jax.tree.map(lambda leaf: leaf * jnp.nan, game.teacher_variables)
    state, metrics = play(game.state.replace(step=jnp.int32(5)), bad, jax.random.key(7))
    before, after = game.state.generator.params, state.generator.params
    assert any(metrics["generator_step_faults"].values()) and (after["l1_0"]["bias"] == 0).all()
    assert {module for module in before if not equal(before[module], after[module])} == {"l1_0", "conv_blocks0_0"}


def test_students_learn_from_the_bank_alone(game):
    """Their step does not draw with the generator, and what lies in the bank counts."""
    step, key = quick(game.method.turns["large"].steps["student_step"]), jax.random.key(0)
    bright = game.state.memory.bank.replace(images=game.state.memory.bank.images + 255, count=jnp.int32(BATCH))
    state = game.state.replace(memory=game.state.memory.replace(bank=bright))
    other = state.replace(generator=jax.tree.map(lambda leaf: leaf + 1, state.generator))
    (one, first), (two, _), (_, dark) = (step(s, game.teacher_variables, key) for s in (state, other, game.state))
    assert equal(one.students, two.students) and equal(one.memory, state.memory)
    assert first["student_loss"]["large"] != dark["student_loss"]["large"]


def test_students_and_the_teacher_see_what_a_mix_makes_of_the_images():
    """One that leaves nothing of the images but the key's own numbers, in one level for each."""

    def levels(key, images):
        return jnp.broadcast_to(jax.random.normal(key, (len(images), 1, 1, 1)), images.shape)

    game = make_close_game("fast", mix=levels)
    key, variables = jax.random.key(0), game.state.students["large"].variables
    _, metrics = quick(game.method.turns["large"].steps["student_step"])(game.state, game.teacher_variables, key)
    _, seen_key = jax.random.split(key)
    images = levels(jax.random.split(seen_key)[1], jnp.zeros((BATCH, 8, 8, 1)))
    seen, _ = game.teacher.apply(game.teacher_variables, images, train=False)
    told, _ = game.students["large"].apply(variables, images, train=True)
    assert float(metrics["student_loss"]["large"]) == pytest.approx(float(kl(20.0)(seen, told).mean()), rel=1e-4)


def test_samples_are_of_the_bank(game):
    """Of what is in it, as networks see it; the generator draws none."""
    grey = game.state.memory.bank.replace(images=game.state.memory.bank.images.at[0].set(51), count=jnp.int32(1))
    state = game.state.replace(memory=game.state.memory.replace(bank=grey))
    images = game.method.sample(state, jax.random.key(0), num=3)
    np.testing.assert_allclose(images, np.full((3, 8, 8, 1), (0.2 - MEAN[0]) / STD[0]), rtol=1e-6)


def test_a_ring_that_is_full_goes_on(game, play):
    state = game.state
    for number in range(5):
        state, metrics = play(state, game.teacher_variables, jax.random.key(number))
        assert state.memory.bank.count == min(number + 1, 3) * BATCH
    assert state.memory.bank.position == 2 * BATCH and jnp.isfinite(metrics["student_loss"]["large"])
