"""2-D convolution, NHWC, that keeps XLA:CPU's fast path inside loops.

XLA:CPU rewrites convolutions into its fast layout only in a program's entry computation. Inside `lax.scan` two kinds
are left in another layout and fall to a naive loop, 10 to 100 times slower: the gradients, since autodiff writes them
with permuted dimension numbers, and any convolution of an image smaller than the kernel, since XLA swaps the two. On
CPU the gradients are therefore written as convolutions that are in the fast layout to begin with, and the small ones as
matrix products; they are the same sums. Everywhere else they are what autodiff gives. The choice is made by the
platform that the program is lowered for.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from akd_jax.types import Array

_NHWC = ("NHWC", "HWIO", "NHWC")


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def convolution(inputs: Array, kernel: Array, stride: int, padding: int) -> Array:
    """[B, H, W, I] and kernel [K, K, I, O] -> [B, H', W', O], zero padding on every side."""
    settings = {"stride": stride, "padding": padding}
    return lax.platform_dependent(
        inputs, kernel, cpu=partial(_canonical, **settings), default=partial(_plain, **settings)
    )


def strided(images: Array, starts: tuple[int, int], stops: tuple[int, int], stride: int) -> Array:
    """images[:, starts[0]:stops[0]:stride, starts[1]:stops[1]:stride] of [B, H, W, C].

    JAX writes that index as a slice where every size is known, but as a slow gather in a program for any batch.
    """
    limits = (images.shape[0], *stops, images.shape[3])
    return lax.slice(images, (0, *starts, 0), limits, (1, stride, stride, 1))


def _forward(inputs, kernel, stride, padding):
    return convolution(inputs, kernel, stride, padding), (inputs, kernel)


def _backward(stride, padding, residuals, output_gradient):
    # Two choices, one a gradient, so that a gradient nobody asks for leaves no trace in the program.
    settings = {"stride": stride, "padding": padding}
    return tuple(
        lax.platform_dependent(
            *residuals, output_gradient, cpu=partial(canonical, **settings), default=partial(autodiff, **settings)
        )
        for canonical, autodiff in ((_canonical_dx, _autodiff_dx), (_canonical_dw, _autodiff_dw))
    )


convolution.defvjp(_forward, _backward)


def _plain(inputs, kernel, *, stride, padding):
    return lax.conv_general_dilated(inputs, kernel, (stride, stride), [(padding, padding)] * 2, dimension_numbers=_NHWC)


def _autodiff_dx(inputs, kernel, output_gradient, **settings):
    return jax.vjp(lambda x: _plain(x, kernel, **settings), inputs)[1](output_gradient)[0]


def _autodiff_dw(inputs, kernel, output_gradient, **settings):
    return jax.vjp(lambda w: _plain(inputs, w, **settings), kernel)[1](output_gradient)[0]


def _canonical(inputs, kernel, *, stride, padding):
    return _convolved(inputs, kernel, [(padding, padding)] * 2, stride=stride)


def _canonical_dx(inputs, kernel, output_gradient, *, stride, padding):
    """The output gradient, spread by the stride, convolved with the flipped kernel, inputs and outputs swapped."""
    low = kernel.shape[0] - 1 - padding
    pads = [
        (low, size + kernel.shape[0] - 1 - ((out - 1) * stride + 1) - low)
        for size, out in zip(inputs.shape[1:3], output_gradient.shape[1:3], strict=True)
    ]
    return _convolved(output_gradient, kernel[::-1, ::-1].swapaxes(2, 3), pads, spread=stride)


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


def _convolved(inputs, kernel, pads, *, stride=1, spread=1):
    """A convolution of `inputs` with `spread` - 1 zeros between its pixels, in a form that XLA leaves as it is."""
    if kernel.shape[0] * kernel.shape[1] <= inputs.shape[1] * inputs.shape[2]:
        dilation = (spread, spread)
        return lax.conv_general_dilated(
            inputs, kernel, (stride, stride), pads, lhs_dilation=dilation, dimension_numbers=_NHWC
        )
    side, _, channels, features = kernel.shape
    zero = jnp.zeros((), inputs.dtype)
    padded = lax.pad(inputs, zero, [(0, 0, 0), *((low, high, spread - 1) for low, high in pads), (0, 0, 0)])
    last = [size - side + 1 for size in padded.shape[1:3]]
    patches = [strided(padded, (y, x), (y + last[0], x + last[1]), stride) for y in range(side) for x in range(side)]
    return jnp.concatenate(patches, -1) @ kernel.reshape(side**2 * channels, features)
