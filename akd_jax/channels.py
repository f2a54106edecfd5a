"""Sums, moments and scalings by channel, the last axis, in forms that are fast on every platform.

XLA:CPU adds up rows of channels one number at a time, with strides; as a matrix product with ones the same sum takes a
tenth. Autodiff writes such sums wherever a channel's number was spread over an image, so what spreads them has
gradients of its own here (of first order, and no forward-mode derivatives). Everywhere else a sum is a sum.
"""

import jax
import jax.numpy as jnp

from akd_jax.platforms import by_platform
from akd_jax.types import Array


@jax.jit  # traced once for each shape, of which networks have few
def channel_sum(inputs: Array) -> Array:
    """[..., C] -> [C], in float32 at least."""
    return by_platform(_sum_by_product, lambda x: x.sum(_positions(x)))(_wide(inputs))


@jax.jit
def channel_mean(inputs: Array) -> Array:
    """[..., C] -> [C], in float32 at least."""
    # The division is in the product: one program less to compile for every batch norm.
    return by_platform(lambda x: _sum_by_product(x, 1 / _count(x)), lambda x: x.mean(_positions(x)))(_wide(inputs))


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
@jax.jit
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
    # Not of_mean / count: a division is too dear for XLA to work it out in the kernel of the images.
    return ((of_mean * (1 / count) + (inputs - mean) * (2 / count * of_variance)).astype(inputs.dtype),)


moments.defvjp(_moments_forward, _moments_backward)


@jax.custom_vjp
@jax.jit
def rescale(inputs: Array, centre: Array, scale: Array, shift: Array) -> Array:
    """(inputs - centre) * scale + shift: inputs [..., C], the others [C]; as wide as the widest of them."""
    return (inputs - centre) * scale + shift


def _rescale_forward(inputs, centre, scale, shift):
    return rescale(inputs, centre, scale, shift), (inputs, centre, scale, shift)


@jax.jit
def _rescale_backward(residuals, gradient):
    inputs, centre, scale, _ = residuals
    of_shift = channel_sum(gradient)
    of_scale = channel_sum(gradient * (inputs - centre))
    found = gradient * scale, -of_shift * scale, of_scale, of_shift
    return tuple(own.astype(given.dtype) for own, given in zip(found, residuals, strict=True))


rescale.defvjp(_rescale_forward, _rescale_backward)


@jax.custom_vjp
def add_bias(inputs: Array, bias: Array) -> Array:
    """[..., C] + [C]."""
    return inputs + bias


add_bias.defvjp(
    lambda inputs, bias: (add_bias(inputs, bias), None),
    lambda _, gradient: (gradient, channel_sum(gradient).astype(gradient.dtype)),
)
