"""PyTorch's optimizers by their formulas, two steps by hand; the schedules' ends."""

import jax.numpy as jnp
import optax
import pytest

from akd_jax.optimizers import adam, clipped, learning_rate, sgd


def two_steps(optimizer, gradients=(1.0, 0.5), start=2.0):
    parameter, state = jnp.float32(start), None
    state = optimizer.init(parameter)
    for gradient in gradients:
        update, state = optimizer.update(jnp.float32(gradient), state, parameter)
        parameter = optax.apply_updates(parameter, update)
    return float(parameter)


def test_sgd_decays_weights_before_the_momentum_and_scales_last():
    rates = {0: 0.1, 1: 0.01}
    buffer = 1.0 + 0.2 * 2.0
    first = 2.0 - rates[0] * buffer
    buffer = 0.9 * buffer + (0.5 + 0.2 * first)
    optimizer = sgd(lambda count: jnp.where(count == 0, rates[0], rates[1]), momentum=0.9, weight_decay=0.2)
    assert two_steps(optimizer) == pytest.approx(first - rates[1] * buffer)


def test_adam():
    m, v, parameter = 0.0, 0.0, 2.0
    for step, gradient in enumerate((1.0, 0.5), 1):
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        parameter -= 0.01 * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)) ** 0.5 + 1e-8)
    rate = learning_rate(0.01, schedule="constant", steps=2)
    assert two_steps(adam(rate)) == pytest.approx(parameter, rel=1e-6)


@pytest.mark.parametrize(("largest", "wanted"), [(0, (3.0, 4.0)), (1.0, (0.6, 0.8)), (6.0, (3.0, 4.0))])
def test_gradients_are_shortened_all_together(largest, wanted):
    optimizer = clipped(sgd(lambda count: 1.0, momentum=0.0, weight_decay=0.0), largest)
    parameters = {"one": jnp.float32(0), "other": jnp.float32(0)}
    updates, _ = optimizer.update(
        {"one": jnp.float32(3), "other": jnp.float32(4)}, optimizer.init(parameters), parameters
    )
    assert (-float(updates["one"]), -float(updates["other"])) == pytest.approx(wanted)


def test_nesterovs_momentum_looks_ahead():
    """The update is the gradient and the momentum after it: PyTorch's formula."""
    first = 2.0 - 0.1 * (1.0 + 0.9 * 1.0)
    second = first - 0.1 * (0.5 + 0.9 * (0.9 * 1.0 + 0.5))
    optimizer = sgd(lambda count: 0.1, momentum=0.9, weight_decay=0.0, nesterov=True)
    assert two_steps(optimizer) == pytest.approx(second)


def test_a_rate_rises_before_its_schedule():
    rate = learning_rate(0.1, schedule="cosine", steps=120, final=0.02, warmup=1 / 6)
    assert [float(rate(count)) for count in (0, 10, 20, 70, 120)] == pytest.approx([0.0, 0.05, 0.1, 0.051, 0.002])


def test_multistep_falls_to_a_tenth_at_each_milestone():
    rate = learning_rate(0.1, schedule="multistep", steps=500, milestones=(0.2, 0.4))
    assert [float(rate(n)) for n in (0, 99, 100, 199, 200, 499)] == pytest.approx([0.1, 0.1, 0.01, 0.01, 1e-3, 1e-3])


def test_cosine_ends_at_its_share_of_the_peak():
    rate = learning_rate(0.1, schedule="cosine", steps=100, final=0.02)
    assert [float(rate(count)) for count in (0, 50, 100, 150)] == pytest.approx([0.1, 0.051, 0.002, 0.002])
