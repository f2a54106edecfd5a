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

_once = partial(jax.jit, static_argnames=("stride", "padding"))
"""Traced once for each shape, of which networks have few."""


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def convolution(inputs: Array, kernel: Array, stride: int, padding: int) -> Array:
    """[B, H, W, I] and kernel [K, K, I, O] -> [B, H', W', O], zero padding on every side."""
    return _outputs(inputs, kernel, stride=stride, padding=padding)


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
    return _dx(*residuals, output_gradient, **settings), _dw(*residuals, output_gradient, **settings)


convolution.defvjp(_forward, _backward)


@_once
def _outputs(inputs, kernel, **settings):
    return _chosen(_canonical, _plain, settings)(inputs, kernel)


@_once
def _dx(inputs, kernel, output_gradient, **settings):
    return _chosen(_canonical_dx, _autodiff_dx, settings)(inputs, kernel, output_gradient)


@_once
def _dw(inputs, kernel, output_gradient, **settings):
    return _chosen(_canonical_dw, _autodiff_dw, settings)(inputs, kernel, output_gradient)


def _chosen(on_cpu, elsewhere, settings):
    return partial(lax.platform_dependent, cpu=partial(on_cpu, **settings), default=partial(elsewhere, **settings))


def _plain(inputs, kernel, *, stride, padding):
    return lax.conv_general_dilated(inputs, kernel, (stride, stride), [(padding, padding)] * 2, dimension_numbers=_NHWC)


def _autodiff_dx(inputs, kernel, output_gradient, **settings):
    return jax.vjp(lambda x: _plain(x, kernel, **settings), inputs)[1](output_gradient)[0]


def _autodiff_dw(inputs, kernel, output_gradient, **settings):
    return jax.vjp(lambda w: _plain(inputs, w, **settings), kernel)[1](output_gradient)[0]


def _canonical(inputs, kernel, *, stride, padding):
    return _convolved(inputs, kernel, [(padding, padding)] * 2, stride=stride)


def _canonical_dx(inputs, kernel, output_gradient, *, stride, padding):
    """A convolution of the output gradient, or one matrix product a tap of the kernel: what is faster.

    The first needs the kernel with inputs and outputs swapped, which XLA:CPU writes one number at a time: for 512
    channels and eight 4x4 images that takes as long as the sums. For a stride it also multiplies by zeros that the
    second does not have, which only matrix products of very few columns do not outweigh.
    """
    channels, features = kernel.shape[2:]
    few = 4 * channels <= features
    by_taps = few if stride == 1 else not few
    form = _dx_by_taps if by_taps or output_gradient.size // features <= features else _dx_by_blocks
    return form(inputs, kernel, output_gradient, stride=stride, padding=padding)


def _canonical_dw(inputs, kernel, output_gradient, *, stride, padding):
    """The inputs, channels as batch, convolved with the output gradient, positions as kernel.

    Or the other way round where the outputs have few channels: a matrix product with few columns is a slow one.
    """
    if kernel.shape[0] == 1:
        last = [(out - 1) * stride + 1 for out in output_gradient.shape[1:3]]
        around = (padding, padding)
        seen = strided(jnp.pad(inputs, ((0, 0), around, around, (0, 0))), (0, 0), last, stride)
        return lax.dot_general(seen, output_gradient, (((0, 1, 2), (0, 1, 2)), ((), ())))[None, None]
    channels, features = kernel.shape[2:]
    if stride == 1 and 4 * features <= channels:
        flipped = _canonical_dw(
            output_gradient, kernel.swapaxes(2, 3), inputs, stride=1, padding=kernel.shape[0] - 1 - padding
        )
        return flipped[::-1, ::-1].swapaxes(2, 3)
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


def _dx_by_taps(inputs, kernel, output_gradient, *, stride, padding):
    """What each number of the kernel sends back, at its place among the padded inputs, added up.

    A loop, since every tap written out would take a twentieth of a second to compile.
    """
    side, _, channels, _ = kernel.shape
    batch, rows, columns, _ = output_gradient.shape
    spread = [(0, 0, 0), (0, 0, stride - 1), (0, 0, stride - 1), (0, 0, 0)]
    span = [(size - 1) * stride + 1 for size in (rows, columns)]
    # As large as what is sent from the last tap on, and as the padded inputs, some of which nothing may reach.
    extent = [max(side - 1 + each, size + 2 * padding) for each, size in zip(span, inputs.shape[1:3], strict=True)]
    canvas = jnp.zeros((batch, *extent, channels), output_gradient.dtype)

    def add(canvas, tap):
        numbers, y, x = tap
        sent = lax.dot_general(output_gradient, numbers, (((3,), (1,)), ((), ())))
        sent = lax.pad(sent, jnp.zeros((), sent.dtype), spread)
        there = lax.dynamic_slice(canvas, (0, y, x, 0), sent.shape)
        return lax.dynamic_update_slice(canvas, there + sent, (0, y, x, 0)), None

    places = jnp.indices((side, side)).reshape(2, -1)
    canvas, _ = lax.scan(add, canvas, (kernel.reshape(-1, *kernel.shape[2:]), *places))
    return canvas[:, padding : padding + inputs.shape[1], padding : padding + inputs.shape[2]]


def _dx_by_blocks(inputs, kernel, output_gradient, *, stride, padding):
    """One convolution whose outputs are the gradients of blocks of stride x stride inputs.

    Input s * i + a gets the output gradient i + d through the kernel's number a + padding - s * d. The kernel
    is laid out by d and a, with zeros where it has no such number.
    """
    side, _, channels, features = kernel.shape
    first, last = -((side - 1 - padding) // stride), (stride - 1 + padding) // stride
    taps = last - first + 1
    outer = (padding - side + 1 - (stride * first - stride + 1), stride * last - padding)
    blocks = jnp.pad(kernel[::-1, ::-1], (outer, outer, (0, 0), (0, 0)))
    blocks = blocks.reshape(taps, stride, taps, stride, channels, features)[:, ::-1, :, ::-1]
    blocks = blocks.transpose(0, 2, 5, 1, 3, 4).reshape(taps, taps, features, stride**2 * channels)
    batch, rows, columns, _ = inputs.shape
    counts = [-(-size // stride) for size in (rows, columns)]
    pads = [(-first, count + last - out) for count, out in zip(counts, output_gradient.shape[1:3], strict=True)]
    found = _convolved(output_gradient, blocks, pads)
    found = found.reshape(batch, *counts, stride, stride, channels).transpose(0, 1, 3, 2, 4, 5)
    return found.reshape(batch, stride * counts[0], stride * counts[1], channels)[:, :rows, :columns]


def _convolved(inputs, kernel, pads, *, stride=1):
    """A convolution in a form that XLA leaves as it is."""
    if kernel.shape[0] * kernel.shape[1] <= inputs.shape[1] * inputs.shape[2]:
        return lax.conv_general_dilated(inputs, kernel, (stride, stride), pads, dimension_numbers=_NHWC)
    side, _, channels, features = kernel.shape
    padded = jnp.pad(inputs, ((0, 0), *pads, (0, 0)))
    last = [size - side + 1 for size in padded.shape[1:3]]
    patches = [strided(padded, (y, x), (y + last[0], x + last[1]), stride) for y in range(side) for x in range(side)]
    return jnp.concatenate(patches, -1) @ kernel.reshape(side**2 * channels, features)
