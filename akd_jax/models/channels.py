"""Sums, moments and scalings by channel, the last axis, in forms that are fast on every platform.

XLA:CPU adds up rows of channels one number at a time, with strides; as a matrix product with ones the same sum takes a
tenth. Autodiff writes such sums wherever a channel's number was spread over an image, so what spreads them has
gradients of its own here. Everywhere else a sum is a sum. The choice is made by the platform that the program is
lowered for.
"""

import jax
import jax.numpy as jnp
from jax import lax

from akd_jax.types import Array


@jax.jit  # traced once for each shape, of which networks have few
def channel_sum(inputs: Array) -> Array:
    """[..., C] -> [C], in float32 at least."""
    return lax.platform_dependent(_wide(inputs), cpu=_sum_by_product, default=lambda x: x.sum(_positions(x)))


@jax.jit
def channel_mean(inputs: Array) -> Array:
    """[..., C] -> [C], in float32 at least."""
    return lax.platform_dependent(
        _wide(inputs),
        # The division is in the product: one program less to compile for every batch norm.
        cpu=lambda x: _sum_by_product(x, 1 / _count(x)),
        default=lambda x: x.mean(_positions(x)),
    )


def _sum_by_product(inputs, weight=1.0):
    rows = inputs.reshape(-1, inputs.shape[-1])
    return jnp.full(rows.shape[0], weight, rows.dtype) @ rows


def _wide(inputs):
    return inputs.astype(jnp.promote_types(inputs.dtype, jnp.float32))


def _positions(inputs):
    return tuple(range(inputs.ndim - 1))


def _count(inputs):
    return inputs.size // inputs.shape[-1]


@jax.custom_vjp
def moments(inputs: Array) -> tuple[Array, Array]:
    """[..., C] -> mean [C] and biased variance [C], in float32 at least.

    The variance is of the differences from the mean: E[x^2] - E[x]^2 cancels badly far from zero.
    """
    mean = channel_mean(inputs)
    return mean, channel_mean((inputs - mean) ** 2)


def _moments_forward(inputs):
    mean, variance = moments(inputs)
    return (mean, variance), (inputs, mean)


@jax.jit
def _moments_backward(residuals, gradients):
    inputs, mean = residuals
    of_mean, of_variance = gradients
    count = _count(inputs)
    return ((of_mean / count + (inputs - mean) * (2 / count * of_variance)).astype(inputs.dtype),)


moments.defvjp(_moments_forward, _moments_backward)


@jax.custom_vjp
def rescale(inputs: Array, centre: Array, scale: Array, shift: Array) -> Array:
    """(inputs - centre) * scale + shift: inputs [..., C], the others [C]; as wide as the widest of them."""
    return (inputs - centre) * scale + shift


def _rescale_forward(inputs, centre, scale, shift):
    return rescale(inputs, centre, scale, shift), (inputs, centre, scale)


@jax.jit
def _rescale_backward(residuals, gradient):
    inputs, centre, scale = residuals
    of_shift = channel_sum(gradient)
    of_scale = channel_sum(gradient * (inputs - centre))
    return (gradient * scale).astype(inputs.dtype), -of_shift * scale, of_scale, of_shift


rescale.defvjp(_rescale_forward, _rescale_backward)


@jax.custom_vjp
def add_bias(inputs: Array, bias: Array) -> Array:
    """[..., C] + [C]."""
    return inputs + bias


add_bias.defvjp(
    lambda inputs, bias: (add_bias(inputs, bias), None),
    lambda _, gradient: (gradient, channel_sum(gradient).astype(gradient.dtype)),
)
