"""A convolution, and its gradients, in forms that XLA:CPU is fast with inside loops.

XLA:CPU rewrites convolutions into its fast layout only in a program's entry computation. Inside `lax.scan` two kinds
are left in another layout and fall to a naive loop, 10 to 100 times slower: the gradients, since autodiff writes them
with permuted dimension numbers, and any convolution of an image smaller than the kernel, since XLA swaps the two. The
gradients are therefore written as convolutions that are in the fast layout to begin with, or as matrix products, and
the small ones as matrix products; they are the same sums.
"""

import math

import jax.numpy as jnp
import numpy as np
from jax import lax

from akd_jax.models.pooling import strided

NHWC = ("NHWC", "HWIO", "NHWC")
"""Of inputs, kernels and outputs."""


def outputs(inputs, kernel, *, stride, padding):
    return _convolved(inputs, kernel, [(padding, padding)] * 2, stride=stride)


def dx(inputs, kernel, output_gradient, *, stride, padding):
    """One matrix product a tap of the kernel, or one convolution of the output gradient: what is faster.

    The convolution needs the kernel with inputs and outputs swapped, which XLA:CPU writes one number at a time: for 512
    channels and eight 4x4 images that takes as long as the sums. For a stride it also multiplies by zeros that the
    products do not have. A product is slow where it has few columns, which are the inputs' channels.
    """
    channels, features = kernel.shape[2:]
    positions = math.prod(size for size in output_gradient.shape[:3] if isinstance(size, int))  # a batch may be any
    few_columns = 4 * channels <= features
    by_taps = few_columns if stride == 1 else not few_columns
    form = _dx_by_taps if by_taps or positions <= features else _dx_by_blocks
    return form(inputs, kernel, output_gradient, stride=stride, padding=padding)


def dw(inputs, kernel, output_gradient, *, stride, padding):
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
        flipped = dw(output_gradient, kernel.swapaxes(2, 3), inputs, stride=1, padding=kernel.shape[0] - 1 - padding)
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
        dimension_numbers=NHWC,
    )
    return gradient.transpose(1, 2, 0, 3)


def _dx_by_taps(inputs, kernel, output_gradient, *, stride, padding):
    """What each number of the kernel sends back, at its place among the padded inputs, added up in float32 at least.

    A loop, since every tap written out would take a twentieth of a second to compile.
    """
    side, _, channels, _ = kernel.shape
    batch, rows, columns, _ = output_gradient.shape
    spread = [(0, 0, 0), (0, 0, stride - 1), (0, 0, stride - 1), (0, 0, 0)]
    span = [(size - 1) * stride + 1 for size in (rows, columns)]
    # As large as what is sent from the last tap on, and as the padded inputs, some of which nothing may reach.
    extent = [max(side - 1 + each, size + 2 * padding) for each, size in zip(span, inputs.shape[1:3], strict=True)]
    wide = jnp.promote_types(output_gradient.dtype, jnp.float32)
    canvas = jnp.zeros((batch, *extent, channels), wide)

    def add(canvas, tap):
        numbers, y, x = tap
        sent = lax.dot_general(output_gradient, numbers, (((3,), (1,)), ((), ())), preferred_element_type=wide)
        sent = lax.pad(sent, jnp.zeros((), sent.dtype), spread)
        there = lax.dynamic_slice(canvas, (0, y, x, 0), sent.shape, allow_negative_indices=False)
        return lax.dynamic_update_slice(canvas, there + sent, (0, y, x, 0), allow_negative_indices=False), None

    places = np.indices((side, side)).reshape(2, -1)
    canvas, _ = lax.scan(add, canvas, (kernel.reshape(-1, *kernel.shape[2:]), *places))
    found = canvas[:, padding : padding + inputs.shape[1], padding : padding + inputs.shape[2]]
    return found.astype(inputs.dtype)


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
        return lax.conv_general_dilated(inputs, kernel, (stride, stride), pads, dimension_numbers=NHWC)
    side, _, channels, features = kernel.shape
    padded = jnp.pad(inputs, ((0, 0), *pads, (0, 0)))
    last = [size - side + 1 for size in padded.shape[1:3]]
    patches = [strided(padded, (y, x), (y + last[0], x + last[1]), stride) for y in range(side) for x in range(side)]
    return jnp.concatenate(patches, -1) @ kernel.reshape(side**2 * channels, features)
