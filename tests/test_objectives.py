"""Losses with the arithmetic written out, and against PyTorch's."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from akd_jax.objectives import (
    OBJECTIVES,
    attention_transfer,
    cross_entropy,
    diversity_loss,
    jensen_shannon,
    kl,
    l1,
    log_l1,
    mse,
    where_agreed,
)
from akd_jax.types import Outputs

TEMPERATURE = 4.0


def outputs(logits):
    return Outputs(jnp.array(logits, jnp.float32), features=None, batch_norm_inputs={})


TEACHER, STUDENT = outputs([[1, 2, 3], [0, 0, 0]]), outputs([[1, 0, 6], [0, 3, 0]])


def test_l1_is_the_mean_over_classes_for_each_image():
    assert l1(TEACHER, STUDENT).tolist() == pytest.approx([(0 + 2 + 3) / 3, 1])


def test_mse():
    assert mse(TEACHER, STUDENT).tolist() == pytest.approx([(0 + 4 + 9) / 3, 3])


def test_log_l1():
    assert float(log_l1(TEACHER, STUDENT)) == pytest.approx(np.log(1 + (5 / 3 + 1) / 2))


def test_kl_by_hand():
    p, q = (np.exp(o.logits / TEMPERATURE) for o in (TEACHER, STUDENT))
    p, q = p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)
    wanted = TEMPERATURE**2 * (p * np.log(p / q)).sum(-1)
    assert kl(TEMPERATURE)(TEACHER, STUDENT).tolist() == pytest.approx(wanted.tolist(), rel=1e-5)


def test_kl_is_pytorchs_batchmean():
    torch = pytest.importorskip("torch", reason="torch, the oracle, is a test dependency on Python 3.11 only")
    teacher, student = (torch.tensor(np.asarray(o.logits)) / TEMPERATURE for o in (TEACHER, STUDENT))
    divergence = torch.nn.functional.kl_div(student.log_softmax(-1), teacher.softmax(-1), reduction="batchmean")
    ours = kl(TEMPERATURE)(TEACHER, STUDENT).mean()
    assert float(ours) == pytest.approx(TEMPERATURE**2 * float(divergence), rel=1e-5)


def test_kl_bears_logits_of_any_size():
    far = outputs([[1e4, 0.0, -1e4]])
    assert jnp.isfinite(
        jax.grad(lambda x: kl(1.0)(far, outputs([[0.0, 1.0, 2.0]]).replace(logits=x)).sum())(far.logits)
    ).all()


def test_diversity_loss():
    same, opposite = jnp.ones((2, 2, 2, 1)), jnp.stack([jnp.ones((2, 2, 1)), -jnp.ones((2, 2, 1))])
    assert float(diversity_loss(same)) == pytest.approx(1)
    assert float(diversity_loss(opposite)) == pytest.approx(-1)
    # Three images, two of them the same, the third at a right angle: one pair in three is alike.
    three = jnp.array([[1.0, 0], [2.0, 0], [0, 3.0]]).reshape(3, 1, 2, 1)
    assert float(diversity_loss(three)) == pytest.approx(1 / 3)
    assert float(diversity_loss(jnp.zeros((2, 2, 2, 1)))) == 0  # black images have no direction


@pytest.mark.parametrize("make", OBJECTIVES.values(), ids=OBJECTIVES)
def test_the_players_want_opposite_things(make):
    def gradient(loss):
        return jax.grad(lambda logits: loss(TEACHER, STUDENT.replace(logits=logits)).mean())(STUDENT.logits)

    objective = make(TEMPERATURE)
    student, generator = gradient(objective.student_loss), gradient(objective.generator_loss)
    assert jnp.linalg.norm(student) > 0
    cosine = (student * generator).sum() / (jnp.linalg.norm(student) * jnp.linalg.norm(generator))
    assert float(cosine) == pytest.approx(-1)


@pytest.mark.parametrize("make", OBJECTIVES.values(), ids=OBJECTIVES)
def test_agreement_costs_nothing(make):
    assert jnp.allclose(make(TEMPERATURE).student_loss(TEACHER, TEACHER), 0, atol=1e-6)


@pytest.mark.parametrize("loss", [l1, mse, log_l1, kl(1.0)])
def test_other_shapes_are_refused(loss):
    with pytest.raises(AssertionError):
        loss(TEACHER, outputs([[1, 2], [3, 4]]))


def test_cross_entropy_with_smoothed_labels():
    """-sum of the wanted shares times the logarithms of the found ones, in NumPy."""
    logits, labels = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]], np.float32), np.array([1, 0])
    found = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    for smoothing in (0.0, 0.3):
        wanted = (1 - smoothing) * np.eye(3)[labels] + smoothing / 3
        losses = cross_entropy(Outputs(jnp.asarray(logits), None, {}), jnp.asarray(labels), smoothing=smoothing)
        np.testing.assert_allclose(losses, -(wanted * np.log(found)).sum(-1), rtol=1e-6)


def test_what_students_get_wrong_does_not_count_where_they_must_agree():
    teacher, student = outputs([[1, 2, 3], [0, 4, 0], [5, 0, 0]]), outputs([[1, 0, 6], [3, 0, 0], [2, 1, 0]])
    both = kl(1.0)(teacher, student)
    assert where_agreed(kl(1.0))(teacher, student).tolist() == [both[0], 0, both[2]] and (both > 0).all()


def test_the_decision_adversarial_term_is_cmis():
    """Its formula in PyTorch: minus the mean of KL times the mask, whose gradient is none where they disagree."""
    torch = pytest.importorskip("torch", reason="torch, the oracle, is a test dependency on Python 3.11 only")
    random = np.random.default_rng(0)
    teacher, student = (random.normal(size=(8, 3)).astype(np.float32) for _ in range(2))
    theirs = torch.tensor(student, requires_grad=True)
    given = torch.tensor(teacher)
    mask = (theirs.argmax(1) == given.argmax(1)).float()
    assert 0 < mask.sum() < 8
    divergence = torch.nn.functional.kl_div(theirs.log_softmax(1), given.softmax(1), reduction="none").sum(1)
    wanted = -(divergence * mask).mean()
    wanted.backward()

    def ours(logits):
        return -where_agreed(kl(1.0))(outputs(teacher), outputs(student).replace(logits=logits)).mean()

    value, gradient = jax.value_and_grad(ours)(jnp.asarray(student))
    assert float(value) == pytest.approx(wanted.item(), rel=1e-5)
    np.testing.assert_allclose(gradient, theirs.grad, atol=1e-6)


def test_the_jensen_shannon_divergence_is_half_of_two_kls():
    """Between each and their mean, in PyTorch; it is bounded, also for logits far apart."""
    torch = pytest.importorskip("torch", reason="torch, the oracle, is a test dependency on Python 3.11 only")
    random = np.random.default_rng(0)
    teacher, student = (3 * random.normal(size=(8, 3)).astype(np.float32) for _ in range(2))
    p, q = (torch.tensor(each / TEMPERATURE).softmax(1) for each in (teacher, student))
    divergence = partial(torch.nn.functional.kl_div, ((p + q) / 2).log(), reduction="none")
    wanted = (divergence(p) + divergence(q)).sum(1) / 2
    found = jensen_shannon(TEMPERATURE)(outputs(teacher), outputs(student))
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    far = jensen_shannon(1.0)(outputs([[0, 200]]), outputs([[200, 0]]))
    assert float(far[0]) == pytest.approx(np.log(2))


def stages(*shapes, seed=0):
    random = np.random.default_rng(seed)
    return tuple(jnp.asarray(random.normal(size=shape), jnp.float32) for shape in shapes)


def test_attention_transfer_is_zskts():
    """Zagoruyko & Komodakis' maps as ZSKT compares them, in PyTorch; networks of other widths."""
    torch = pytest.importorskip("torch", reason="torch, the oracle, is a test dependency on Python 3.11 only")

    def attention(stage):
        given = torch.tensor(np.asarray(stage)).permute(0, 3, 1, 2)
        return torch.nn.functional.normalize(given.pow(2).mean(1).flatten(1))

    teacher, student = stages((2, 4, 4, 6), (2, 2, 2, 8)), stages((2, 4, 4, 3), (2, 2, 2, 5), seed=1)
    wanted = sum((attention(t) - attention(s)).pow(2).mean() for t, s in zip(teacher, student, strict=True))
    found = attention_transfer(TEACHER.replace(stages=teacher), STUDENT.replace(stages=student))
    assert found.shape == (2,) and float(found.mean()) == pytest.approx(float(wanted), rel=1e-5)


def test_attention_is_compared_where_both_have_a_stage_of_that_size():
    teacher, student = stages((2, 8, 8, 2), (2, 4, 4, 2), (2, 4, 4, 3)), stages((2, 4, 4, 5), (2, 2, 2, 5), seed=1)
    found = attention_transfer(TEACHER.replace(stages=teacher), STUDENT.replace(stages=student))
    last = attention_transfer(TEACHER.replace(stages=teacher[2:]), STUDENT.replace(stages=student[:1]))
    assert (found == last).all()
    with pytest.raises(ValueError, match="of one size: 8x8 4x4 and none"):
        attention_transfer(TEACHER.replace(stages=teacher), STUDENT)


def test_a_silent_stage_has_a_gradient():
    quiet = jnp.zeros((2, 4, 4, 3))
    teacher = TEACHER.replace(stages=stages((2, 4, 4, 2)))
    assert jnp.isfinite(
        jax.grad(lambda x: attention_transfer(teacher, STUDENT.replace(stages=(x,))).sum())(quiet)
    ).all()
