"""SpaceshipNet: a synthesis as its steps written out, what the bank keeps, the exchange, and the students' loss."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.traverse_util import flatten_dict
from tiny_game import BATCH, CLASSES, LATENTS, constant, equal, make_close_game, quick, weights

from akd_jax.methods.spaceship import exchanged
from akd_jax.optimizers import adam
from akd_jax.pixels import to_pixels
from akd_jax.types import Variables

STEPS, MEAN, STD, T = 2, (0.4,), (0.3,), 2.0
CLASS_MAPS, GRADIENT_MAPS = 0.003, 1.0


def brighter(key, images):
    """In place of crops: each image by a factor of its own."""
    return images * jnp.exp(0.2 * jax.random.normal(key, (len(images), 1, 1, 1)))


def blended(key, images):
    """In place of mixup: each image with the next, in shares of its own."""
    share = jax.random.uniform(key, (len(images), 1, 1, 1))
    return share * images + (1 - share) * jnp.roll(images, 1, axis=0)


@pytest.fixture(scope="module")
def game():
    return make_close_game(
        "spaceship",
        weights=weights(batch_norm=1.0, batch_norm_memory=0.0, one_hot=0.5, adversarial=0.0),
        augment=brighter,
        mix=blended,
        exchange=0.5,
        temperature=T,
        class_map_weight=CLASS_MAPS,
        gradient_map_weight=GRADIENT_MAPS,
        generator_optimizer=lambda steps: adam(constant(2e-3)),
    )


@pytest.fixture(scope="module")
def synthesised(game):
    """(the key of a second synthesis, the state before it, the state after it)."""
    step = quick(game.method.turns["large"].steps["generator_step"])
    before, _ = step(game.state, game.teacher_variables, jax.random.key(4))
    key = jax.random.key(5)
    after, metrics = step(before, game.teacher_variables, key)
    return key, before, after, metrics


def written_out(game, state, key):
    """(losses, images and features of the lowest, the generator at the end)."""
    latents_key, steps_key = jax.random.split(key)
    latents = jax.random.normal(latents_key, (BATCH, LATENTS))
    labels = jnp.arange(BATCH) % CLASSES
    optimizer = optax.adam(2e-3, b1=0.9)

    def loss(params, stats, key):
        images, moved = game.generator.apply(Variables(params, stats), latents, train=True)
        seen, _ = game.teacher.apply(game.teacher_variables, brighter(key, images), train=False)
        distances = jax.tree.map(
            lambda a, b: jnp.linalg.norm(a - b), seen.batch_norm_inputs, game.teacher_variables.batch_stats
        )
        entropy = -jax.nn.log_softmax(seen.logits)[jnp.arange(BATCH), labels].mean()
        return sum(jax.tree.leaves(distances)) + 0.5 * entropy, (images, moved)

    params, stats = state.generator.params, state.generator.batch_stats
    opt_state, losses, made = optimizer.init(params), [], []
    slope = quick(jax.value_and_grad(loss, has_aux=True))
    for step_key in jax.random.split(steps_key, STEPS):
        (value, (images, moved)), gradients = slope(params, stats, step_key)
        losses.append(float(value))
        made.append((images, Variables(params, stats)))
        updates, opt_state = optimizer.update(gradients, opt_state)
        params, stats = optax.apply_updates(params, updates), moved
    images, variables = made[int(np.argmin(losses))]
    features, hidden = [], latents
    for part in game.generator.parts[:-1]:
        hidden, _ = quick(lambda v, h, part=part: part(v, h, train=True))(variables, hidden)
        features.append(hidden)
    return losses, images, features, Variables(params, stats)


def test_a_synthesis_is_its_steps_written_out(game, synthesised):
    key, before, after, metrics = synthesised
    losses, images, features, generator = written_out(game, before, key)
    assert metrics["generator_loss"] == pytest.approx(np.mean(losses), rel=1e-4)
    found = after.memory.bank
    assert int(found.count) == 2 * BATCH and int(before.memory.bank.count) == BATCH
    np.testing.assert_allclose(
        found.images[BATCH : 2 * BATCH].astype(int), to_pixels(images, mean=MEAN, std=STD).astype(int), atol=1
    )
    for kept, wanted in zip(found.beside, features, strict=True):
        np.testing.assert_allclose(kept[BATCH : 2 * BATCH].astype(float), wanted, rtol=0.01, atol=1e-3)  # in bfloat16
    ends = [flatten_dict(params) for params in (after.generator.params, generator.params)]
    for path in ends[0]:
        if path[-1] == "kernel":  # of a bias before a batch norm the gradient is rounding, of which Adam makes a step
            np.testing.assert_allclose(ends[0][path], ends[1][path], atol=4e-4, err_msg=str(path))
    moved, wanted = (flatten_dict(stats) for stats in (after.generator.batch_stats, generator.batch_stats))
    for path in wanted:
        if path[-1] == "var":  # which no bias moves
            np.testing.assert_allclose(moved[path], wanted[path], rtol=0.01, atol=1e-4, err_msg=str(path))
    assert equal(after.students, before.students)


def test_half_of_the_channels_are_the_partners():
    """Of each image other ones; the partner of the first is the last."""
    features = jnp.broadcast_to(jnp.arange(6.0)[:, None, None, None], (6, 2, 2, 8))
    found = np.asarray(exchanged(jax.random.key(0), features))
    assert (found == found[:, :1, :1]).all(), "whole channels"
    channels = found[:, 0, 0]
    for image in range(6):
        assert sorted(set(channels[image])) == sorted({image, 5 - image})
        assert (channels[image] == 5 - image).sum() == 4
    assert len({tuple(row == number) for number, row in enumerate(channels)}) > 1


def looked(network, variables, images, train, chosen=None):
    """(what it says, the classes, the gradient of the logits' sum at each stage, mean over positions)."""
    clean = network.apply(variables, images, train=train)[0]
    chosen = clean.logits.argmax(1) if chosen is None else chosen

    def logits(shifts):
        told = network.apply(variables, images, train=train, shifts=shifts)[0].logits
        return sum(told[n, c] for n, c in enumerate(chosen))

    slopes = jax.grad(logits)([jnp.zeros_like(stage) for stage in clean.stages])
    return clean, chosen, [slope.mean((1, 2)) for slope in slopes]


def summed(stages, slopes):
    """Each stage over channels, with their slopes."""
    return [
        sum(slope[:, c, None, None] * stage[..., c] for c in range(stage.shape[-1]))
        for slope, stage in zip(slopes, stages, strict=True)
    ]


def by_hand(game, params, stats, images, *, frozen):
    """The students' loss on these images; whether a gradient leaves the weights of channels alone."""
    teacher, chosen, slopes = looked(game.teacher, game.teacher_variables, images, False)
    wanted, variables = summed(teacher.stages, slopes), Variables(params, stats)
    told, _, slopes = looked(game.students["large"], variables, images, True, chosen)
    found = summed(told.stages, jax.lax.stop_gradient(slopes) if frozen else slopes)
    p, q = (jax.nn.log_softmax(outputs.logits / T) for outputs in (teacher, told))
    value = T**2 * (jnp.exp(p) * (p - q)).mean()  # over the batch and over the classes
    rows = [v.params["fc"]["kernel"] for v in (game.teacher_variables, variables)]
    value += CLASS_MAPS * jnp.square(teacher.maps @ rows[0] - told.maps @ rows[1]).mean()
    return value + GRADIENT_MAPS * sum(jnp.square(a - b).mean() for a, b in zip(wanted, found, strict=True))


def choices(key):
    """(which part's features, whether they are exchanged)."""
    level_key, features_key, *_ = jax.random.split(key, 4)
    _, whether_key, _ = jax.random.split(features_key, 3)
    return int(jax.random.randint(level_key, (), 0, 3)), bool(jax.random.uniform(whether_key) < 0.5)


def drawn_by_hand(game, state, key):
    """The images that are made of kept features."""
    level, exchanges = choices(key)
    _, features_key, augment_key, mix_key = jax.random.split(key, 4)
    sample_key, _, channels_key = jax.random.split(features_key, 3)
    chosen = jax.random.randint(sample_key, (BATCH,), 0, 2 * BATCH)
    hidden = state.memory.bank.beside[level][chosen].astype(jnp.float32)
    hidden = exchanged(channels_key, hidden) if exchanges else hidden
    for part in game.generator.parts[level + 1 :]:
        hidden, _ = part(state.generator.variables, hidden, train=False)
    return blended(mix_key, brighter(augment_key, hidden))


@pytest.fixture(scope="module")
def lesson(game):
    return quick(game.method.turns["large"].steps["student_step"])


def test_students_learn_from_decoded_features_of_a_part_at_random(game, synthesised, lesson):
    """Exchanged or not, by the generator with its running statistics, augmented and mixed; all parts come."""
    _, _, state, _ = synthesised
    student, seen = state.students["large"], set()
    loss = quick(lambda images: by_hand(game, student.params, student.batch_stats, images, frozen=True))
    for key in jax.random.split(jax.random.key(0), 30):
        if (choice := choices(key)) not in seen:
            seen.add(choice)
            _, metrics = lesson(state, game.teacher_variables, key)
            images = drawn_by_hand(game, state, key)
            assert metrics["student_loss"]["large"] == pytest.approx(float(loss(images)), rel=1e-4), choice
    assert seen == {(level, exchanges) for level in range(3) for exchanges in (False, True)}


@pytest.mark.slow
def test_the_gradient_is_of_the_last_layer_too_and_not_of_the_weights_of_channels(game, synthesised, lesson):
    _, _, state, _ = synthesised
    key, student = jax.random.key(0), state.students["large"]
    images = drawn_by_hand(game, state, key)
    after, _ = lesson(state, game.teacher_variables, key)
    assert equal(after.students["small"], state.students["small"]) and equal(after.generator, state.generator)
    slope = quick(
        jax.grad(lambda p, frozen: by_hand(game, p, student.batch_stats, images, frozen=frozen)), static_argnums=1
    )
    kernels = [flatten_dict(params) for params in (after.students["large"].params, student.params)]
    right, wrong = (flatten_dict(slope(student.params, frozen)) for frozen in (True, False))
    for path, before in kernels[1].items():
        if path[-1] == "kernel":
            moved = (before - kernels[0][path]) / 0.05 - 5e-4 * before  # by SGD's first step
            assert np.abs(moved - right[path]).max() < 0.2 * np.abs(wrong[path] - right[path]).max(), path
