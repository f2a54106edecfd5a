"""Sums, moments and scalings by channel: the formulas and their derivatives, whatever their form."""

import jax
import jax.numpy as jnp
import pytest
from jax import export

from akd_jax.channels import add_bias, channel_mean, channel_sum, moments, rescale

SHAPE = (4, 3, 5, 2)


def normal(seed, *shape, dtype=jnp.float64):
    return 3 + jax.random.normal(jax.random.key(seed), shape, dtype)


def plain_moments(inputs):
    return inputs.mean((0, 1, 2)), inputs.var((0, 1, 2))


FORMS = {
    "channel_sum": (channel_sum, lambda x: x.sum((0, 1, 2)), 1),
    "channel_mean": (channel_mean, lambda x: x.mean((0, 1, 2)), 1),
    "moments": (moments, plain_moments, 1),
    "rescale": (rescale, lambda x, centre, scale, shift: (x - centre) * scale + shift, 4),
    "add_bias": (add_bias, lambda x, bias: x + bias, 2),
}


@pytest.mark.parametrize("name", FORMS)
def test_values_and_gradients(name):
    ours, wanted, count = FORMS[name]
    with jax.enable_x64(True):
        arguments = [normal(0, *SHAPE), *(normal(i, SHAPE[-1]) for i in range(1, count))]

        def weighted(function):
            def total(*arguments):
                outputs = jax.tree.leaves(function(*arguments))
                return sum((out * jnp.sin(jnp.arange(out.size)).reshape(out.shape)).sum() for out in outputs)

            return jax.value_and_grad(total, tuple(range(count)))(*arguments)

        for own, other in zip(*(jax.tree.leaves(weighted(f)) for f in (ours, wanted)), strict=True):
            assert own.dtype == other.dtype and own.shape == other.shape
            assert jnp.abs(own - other).max() <= 1e-12 * jnp.abs(other).max()


def test_far_from_zero_the_variance_is_still_right():
    _, variance = moments(1e4 + normal(0, 64, 8, 8, 2, dtype=jnp.float32))
    assert jnp.abs(variance - 1).max() < 0.1


def test_bfloat16_is_summed_in_float32():
    images = jnp.ones((1, 64, 64, 1), jnp.bfloat16)
    assert channel_sum(images).dtype == jnp.float32 and channel_sum(images)[0] == 64**2
    assert [value.dtype for value in moments(images)] == [jnp.float32] * 2
    gradient = jax.grad(lambda x: moments(x)[0].sum())(images)
    assert gradient.dtype == jnp.bfloat16


def training(inputs, scale, shift):
    def loss(inputs, scale, shift):
        mean, variance = moments(inputs)
        return (rescale(inputs, mean, scale * jax.lax.rsqrt(variance), shift) ** 2).reshape(-1) @ jnp.ones(inputs.size)

    return jax.lax.fori_loop(0, 3, lambda _, x: x - jax.grad(loss)(x, scale, shift), inputs)


def test_on_cpu_no_row_is_added_up_one_number_at_a_time():
    program = jax.jit(training).lower(jnp.ones(SHAPE), jnp.ones(2), jnp.ones(2)).compile().as_text()
    assert " reduce(" not in program


def test_other_platforms_get_plain_sums():
    arguments = jnp.ones(SHAPE), jnp.ones(2), jnp.ones(2)
    modules = {
        name: export.export(jax.jit(training), platforms=[name])(*arguments).mlir_module() for name in ("cpu", "cuda")
    }
    assert "stablehlo.reduce(" in modules["cuda"] and "stablehlo.reduce(" not in modules["cpu"]
