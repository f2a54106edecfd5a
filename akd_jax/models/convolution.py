"""2-D convolution, NHWC, that keeps XLA:CPU's fast path inside loops, and is autodiff's everywhere else."""

from functools import partial

import jax
from jax import lax

from akd_jax.models import cpu_convolution
from akd_jax.platforms import by_platform
from akd_jax.types import Array

_once = partial(jax.jit, static_argnames=("stride", "padding"))
"""Traced once for each shape, of which networks have few."""


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def convolution(inputs: Array, kernel: Array, stride: int, padding: int) -> Array:
    """[B, H, W, I] and kernel [K, K, I, O] -> [B, H', W', O], zero padding on every side.

    It has gradients, of any batch size; it has no forward-mode derivatives (`jax.jvp`), nor second ones.
    """
    return _outputs(inputs, kernel, stride=stride, padding=padding)


def _forward(inputs, kernel, stride, padding):
    return convolution(inputs, kernel, stride, padding), (inputs, kernel)


def _backward(stride, padding, residuals, output_gradient):
    # Two choices, one a gradient, so that a gradient nobody asks for leaves no trace in the program.
    settings = {"stride": stride, "padding": padding}
    return _dx(*residuals, output_gradient, **settings), _dw(*residuals, output_gradient, **settings)


convolution.defvjp(_forward, _backward)


@_once
def _outputs(inputs, kernel, **settings):
    return _chosen(cpu_convolution.outputs, _plain, settings)(inputs, kernel)


@_once
def _dx(inputs, kernel, output_gradient, **settings):
    return _chosen(cpu_convolution.dx, _autodiff_dx, settings)(inputs, kernel, output_gradient)


@_once
def _dw(inputs, kernel, output_gradient, **settings):
    return _chosen(cpu_convolution.dw, _autodiff_dw, settings)(inputs, kernel, output_gradient)


def _chosen(on_cpu, elsewhere, settings):
    return by_platform(partial(on_cpu, **settings), partial(elsewhere, **settings))


def _plain(inputs, kernel, *, stride, padding):
    pads = [(padding, padding)] * 2
    return lax.conv_general_dilated(inputs, kernel, (stride, stride), pads, dimension_numbers=cpu_convolution.NHWC)


def _autodiff_dx(inputs, kernel, output_gradient, **settings):
    return jax.vjp(lambda x: _plain(x, kernel, **settings), inputs)[1](output_gradient)[0]


def _autodiff_dw(inputs, kernel, output_gradient, **settings):
    return jax.vjp(lambda w: _plain(inputs, w, **settings), kernel)[1](output_gradient)[0]
