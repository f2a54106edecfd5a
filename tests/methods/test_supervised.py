"""Learning from labelled images: what is shown, what moves, and what comes of it."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hlo import CANONICAL, convolution_labels
from tiny_game import constant, equal, make_networks, quick

from akd_jax import objectives
from akd_jax.augmentation import augment
from akd_jax.methods.supervised import lesson, order, supervised
from akd_jax.optimizers import sgd
from akd_jax.pixels import from_pixels
from akd_jax.steps import run_rounds
from akd_jax.types import Lessons

EXAMPLES, BATCH, SIZE, CLASSES = 22, 4, 8, 5
RANDOM = np.random.default_rng(0)
LABELS = jnp.asarray(RANDOM.integers(0, CLASSES, EXAMPLES), jnp.int32)
IMAGES = jnp.asarray(RANDOM.integers(0, 256, (EXAMPLES, SIZE, SIZE, 1)), jnp.uint8)


def label_loss(target, outputs, labels):
    return objectives.cross_entropy(outputs, labels)


def plain(key, images):
    return images


def made(
    *,
    teacher=None,
    names=("large",),
    loss=label_loss,
    rounds_per_epoch=2,
    augment=plain,
    rate=0.05,
    examples=EXAMPLES,
    **settings,
):
    """(method, lessons): five steps an epoch, or four in two rounds."""
    network, students, _ = make_networks()
    method = supervised(
        network if teacher else None,
        {name: students[name] for name in names},
        loss=loss,
        optimizer=lambda updates: sgd(constant(rate), momentum=0.9, weight_decay=0.0),
        augment=augment,
        normalise=partial(from_pixels, mean=(0.5,), std=(0.25,)),
        image_shape=(SIZE, SIZE, 1),
        batch_size=BATCH,
        examples=examples,
        epochs=3,
        rounds_per_epoch=rounds_per_epoch,
        **settings,
    )
    variables = network.init(jax.random.key(1), jnp.zeros((1, SIZE, SIZE, 1))) if teacher else ()
    return method, Lessons(IMAGES, LABELS, jax.random.key(7), variables)


def begun(method):
    return quick(method.init)(jax.random.key(0))


def test_it_learns():
    method, lessons = made(rounds_per_epoch=1)
    _, metrics = quick(run_rounds(method.turns["large"].round, 12))(begun(method), lessons, jax.random.key(0))
    losses, right = metrics["student_loss"]["large"], metrics["top1"]["large"]
    assert losses.shape == (12,)
    assert losses[-1] < 0.6 * losses[0] and right[-3:].mean() > right[0] + 0.2


def noting():
    """(augment, what it was shown): the images of every batch, in order."""
    shown = []

    def note(key, images):
        jax.debug.callback(lambda images: shown.append(np.asarray(images)), images, ordered=True)
        return images

    return note, shown


def test_an_epoch_shows_each_image_once_at_most_in_an_order_of_its_own():
    note, shown = noting()
    method, lessons = made(augment=note)
    state, _ = quick(run_rounds(method.turns["large"].round, 4))(begun(method), lessons, jax.random.key(0))
    jax.block_until_ready(state)
    jax.effects_barrier()
    number = {image.tobytes(): i for i, image in enumerate(np.asarray(IMAGES))}
    seen = [[number[image.tobytes()] for image in batch] for batch in shown]
    assert [len(batch) for batch in seen] == [BATCH] * 8
    first, second = (np.ravel(seen[start : start + 4]).tolist() for start in (0, 4))
    assert len(set(first)) == len(set(second)) == 16 and first != second
    for epoch, found in enumerate((first, second)):
        assert found == order(lessons, jnp.int32(epoch))[:16].tolist()


def test_an_epoch_of_two_rounds_is_one_of_one():
    """Up to rounding, where nothing is drawn for the images."""
    played = []
    for per_epoch in (1, 2):
        method, lessons = made(rounds_per_epoch=per_epoch, examples=16)
        lessons = lessons.replace(images=IMAGES[:16], labels=LABELS[:16])
        state, _ = quick(run_rounds(method.turns["large"].round, 2 * per_epoch))(
            begun(method), lessons, jax.random.key(0)
        )
        played.append(state.students["large"].params)
    for one, two in zip(*map(jax.tree.leaves, played), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_a_step_by_the_gradient_of_the_mean_loss():
    """In plain JAX; weights of a half and a half of both losses."""

    def mixed(target, outputs, labels):
        distilled = objectives.kl(2.0)(target, outputs)
        return 0.5 * objectives.cross_entropy(outputs, labels, smoothing=0.1) + 0.5 * distilled

    teacher, students, _ = make_networks()
    method, lessons = made(teacher=True, loss=mixed)
    state, student = begun(method), students["large"]
    images = (IMAGES[:BATCH] / np.float32(255) - 0.5) / 0.25

    def loss(params):
        logits = student.apply(state.students["large"].variables.replace(params=params), images, train=True)[0].logits
        q = jax.nn.log_softmax(logits)
        wanted = 0.9 * jax.nn.one_hot(LABELS[:BATCH], CLASSES) + 0.1 / CLASSES
        p = jax.nn.softmax(teacher.apply(lessons.teacher, images, train=False)[0].logits / 2)
        kl = (p * (jnp.log(p) - jax.nn.log_softmax(logits / 2))).sum(-1)
        return (0.5 * -(wanted * q).sum(-1) + 0.5 * 4 * kl).mean()

    step = lesson(
        teacher,
        {"large": student},
        sgd(constant(0.05), momentum=0.9, weight_decay=0.0),
        mixed,
        plain,
        partial(from_pixels, mean=(0.5,), std=(0.25,)),
    )
    batch = lessons.replace(images=IMAGES[:BATCH], labels=LABELS[:BATCH])
    moved, metrics = quick(step)(state, batch, jax.random.key(0))
    value, gradient = quick(jax.value_and_grad(loss))(state.students["large"].params)
    assert float(metrics["student_loss"]["large"]) == pytest.approx(float(value), rel=1e-5)
    wanted = jax.tree.map(lambda p, g: p - 0.05 * g, state.students["large"].params, gradient)
    for found, expected in zip(*map(jax.tree.leaves, (moved.students["large"].params, wanted)), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_average_by_hand():
    method, lessons = made(average=0.75, rounds_per_epoch=5)
    play = quick(run_rounds(method.turns["large"].round, 1))
    one, _ = play(begun(method), lessons, jax.random.key(0))
    two, _ = play(one, lessons, jax.random.key(0))
    first, second = one.students["large"], two.students["large"]
    assert equal(begun(method).students["large"].average, begun(method).students["large"].variables)
    wanted = jax.tree.map(lambda old, new: 0.75 * old + 0.25 * new, first.average, second.variables)
    for found, expected in zip(*map(jax.tree.leaves, (second.average, wanted)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    assert second.deployed is second.average and not equal(second.average, second.variables)


def test_students_of_a_turn_see_the_same_and_others_stay():
    method, lessons = made(names=("large", "small"), turns=[("large",), ("small",)])
    assert list(method.turns) == ["large", "small"]
    state = begun(method)
    moved, _ = quick(run_rounds(method.turns["large"].round, 1))(state, lessons, jax.random.key(0))
    assert equal(moved.students["small"], state.students["small"])
    assert not equal(moved.students["large"].params, state.students["large"].params)
    together, _ = made(names=("large", "small"), turns=[("large", "small")])
    joint, metrics = quick(run_rounds(together.turns["large+small"].round, 1))(state, lessons, jax.random.key(0))
    assert metrics["student_loss"].keys() == {"large", "small"}
    for found, alone in zip(*map(jax.tree.leaves, (joint.students["large"], moved.students["large"])), strict=True):
        np.testing.assert_allclose(found, alone, rtol=1e-4, atol=1e-5)


def test_a_step_that_is_not_finite_is_left_out():
    method, lessons = made(rounds_per_epoch=5)
    state = begun(method)
    broken = state.replace(
        students={"large": state.students["large"].replace(
            params=jax.tree.map(lambda leaf: leaf * jnp.nan, state.students["large"].params))}
    )  # fmt: skip
    after, metrics = quick(run_rounds(method.turns["large"].round, 1))(broken, lessons, jax.random.key(0))
    faults = metrics["student_step_faults"]
    assert next(iter(faults)) == "student_loss of large" and faults["student_loss of large"].all()
    assert equal(after.students["large"].batch_stats, state.students["large"].batch_stats)


def test_its_queries_and_its_program():
    method, lessons = made(teacher=True, augment=partial(augment, crop=1, flip=True))
    assert method.turns["large"].teacher_queries == 2 * BATCH and method.sample is None
    assert method.turns["large"].lessons == 2 * BATCH
    assert made()[0].turns["large"].teacher_queries == 0 and made()[0].turns["large"].lessons == 2 * BATCH
    program = jax.jit(run_rounds(method.turns["large"].round, 2)).lower(begun(method), lessons, jax.random.key(0))
    assert convolution_labels(program.compile()) == CANONICAL


def test_too_few_images():
    with pytest.raises(ValueError, match="22 images are too few for 6 rounds of batches of 4"):
        made(rounds_per_epoch=6)
