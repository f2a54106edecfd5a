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


def channel_sum(inputs: Array) -> Array:
    """[..., C] -> [C], in float32 at least."""
    wide = inputs.astype(jnp.promote_types(inputs.dtype, jnp.float32))
    return lax.platform_dependent(wide, cpu=_sum_by_product, default=lambda x: x.sum(tuple(range(x.ndim - 1))))


def _sum_by_product(inputs):
    rows = inputs.reshape(-1, inputs.shape[-1])
    return jnp.ones(rows.shape[0], rows.dtype) @ rows


@jax.custom_vjp
def moments(inputs: Array) -> tuple[Array, Array]:
    """[..., C] -> mean [C] and biased variance [C], in float32 at least.

    The variance is of the differences from the mean: E[x^2] - E[x]^2 cancels badly far from zero.
    """
    count = inputs.size // inputs.shape[-1]
    mean = channel_sum(inputs) / count
    return mean, channel_sum((inputs - mean) ** 2) / count


def _moments_forward(inputs):
    mean, variance = moments(inputs)
    return (mean, variance), (inputs, mean)


def _moments_backward(residuals, gradients):
    inputs, mean = residuals
    of_mean, of_variance = gradients
    count = inputs.size // inputs.shape[-1]
    return ((of_mean / count + (inputs - mean) * (2 / count * of_variance)).astype(inputs.dtype),)


moments.defvjp(_moments_forward, _moments_backward)


@jax.custom_vjp
def rescale(inputs: Array, centre: Array, scale: Array, shift: Array) -> Array:
    """(inputs - centre) * scale + shift: inputs [..., C], the others [C]; as wide as the widest of them."""
    return (inputs - centre) * scale + shift


def _rescale_forward(inputs, centre, scale, shift):
    return rescale(inputs, centre, scale, shift), (inputs, centre, scale)


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
