"""2-D convolution, NHWC, whose gradients keep XLA:CPU's fast path inside loops.

XLA:CPU rewrites convolutions into its fast layout only in a program's entry computation. The gradients
that autodiff writes have permuted dimension numbers, so inside `lax.scan` they fall to a naive loop, 10 to
100 times slower. On CPU the two gradients are therefore written as convolutions that are in the fast layout
to begin with; they are the same sums. Everywhere else they are what autodiff gives. The choice is made by
the platform that the program is lowered for.
"""

from functools import partial

import jax
from jax import lax

from akd_jax.types import Array

_NHWC = ("NHWC", "HWIO", "NHWC")


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def convolution(inputs: Array, kernel: Array, stride: int, padding: int) -> Array:
    """[B, H, W, I] and kernel [K, K, I, O] -> [B, H', W', O], zero padding on every side."""
    return _plain(inputs, kernel, stride, padding)


def _plain(inputs, kernel, stride, padding):
    return lax.conv_general_dilated(inputs, kernel, (stride, stride), [(padding, padding)] * 2, dimension_numbers=_NHWC)


def _forward(inputs, kernel, stride, padding):
    return _plain(inputs, kernel, stride, padding), (inputs, kernel)


def _backward(stride, padding, residuals, output_gradient):
    # Two choices, one a gradient, so that a gradient nobody asks for leaves no trace in the program.
    return tuple(
        lax.platform_dependent(
            *residuals,
            output_gradient,
            cpu=partial(canonical, stride=stride, padding=padding),
            default=partial(autodiff, stride=stride, padding=padding),
        )
        for canonical, autodiff in ((_canonical_dx, _autodiff_dx), (_canonical_dw, _autodiff_dw))
    )


def _autodiff_dx(inputs, kernel, output_gradient, *, stride, padding):
    return jax.vjp(lambda x: _plain(x, kernel, stride, padding), inputs)[1](output_gradient)[0]


def _autodiff_dw(inputs, kernel, output_gradient, *, stride, padding):
    return jax.vjp(lambda w: _plain(inputs, w, stride, padding), kernel)[1](output_gradient)[0]


def _canonical_dx(inputs, kernel, output_gradient, *, stride, padding):
    """The output gradient, spread by the stride, convolved with the flipped kernel, inputs and outputs swapped."""
    low = kernel.shape[0] - 1 - padding
    pads = [
        (low, size + kernel.shape[0] - 1 - ((out - 1) * stride + 1) - low)
        for size, out in zip(inputs.shape[1:3], output_gradient.shape[1:3], strict=True)
    ]
    return lax.conv_general_dilated(
        output_gradient,
        kernel[::-1, ::-1].swapaxes(2, 3),
        (1, 1),
        pads,
        lhs_dilation=(stride, stride),
        dimension_numbers=_NHWC,
    )


def _canonical_dw(inputs, kernel, output_gradient, *, stride, padding):
    """The inputs, channels as batch, convolved with the output gradient, positions as kernel."""
    pads = [
        (padding, kernel.shape[0] - 1 + (out - 1) * stride + 1 - size - padding)
        for size, out in zip(inputs.shape[1:3], output_gradient.shape[1:3], strict=True)
    ]
    gradient = lax.conv_general_dilated(
        inputs.transpose(3, 1, 2, 0),
        output_gradient.transpose(1, 2, 0, 3),
        (1, 1),
        pads,
        rhs_dilation=(stride, stride),
        dimension_numbers=_NHWC,
    )
    return gradient.transpose(1, 2, 0, 3)


convolution.defvjp(_forward, _backward)
