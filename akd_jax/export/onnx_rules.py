"""The primitives that the networks use in inference, as ONNX's operators: one rule each.

A rule appends to the graph what one equation of a jaxpr is, and raises InputError where the equation is of a kind that
no network of the project has.
"""

from collections.abc import Callable, Sequence

import numpy as np

from akd_jax.errors import InputError
from akd_jax.export.onnx_graph import CHANNELS_FIRST, Tensor


def _elementwise(operator: str) -> Callable[..., Tensor]:
    """Operands of one rank, or scalars; sizes of 1 count for any, in JAX as in ONNX."""

    def rule(graph, _, *operands):
        axes = next(value.axes for value in operands if isinstance(value, Tensor))
        return Tensor(graph.add(operator, *(graph.arranged(value, axes) for value in operands)), axes)

    return rule


def _max(graph, equation, *operands):
    for one, other in (operands, operands[::-1]):
        if isinstance(one, np.ndarray) and one.ndim == 0 and one == 0:
            return Tensor(graph.add("Relu", other.name), other.axes)
    return _elementwise("Max")(graph, equation, *operands)


def _select(graph, equation, which, *cases):
    return _elementwise("Where")(graph, equation, which, *cases[::-1])  # JAX's first case is that of False


def _cast(graph, equation, value):
    if equation.invars[0].aval.dtype == equation.params["new_dtype"]:
        return value
    return Tensor(graph.add("Cast", value.name, to=np.dtype(equation.params["new_dtype"])), value.axes)


def _convolution(graph, equation, inputs, kernel):
    settings = equation.params
    numbers = settings["dimension_numbers"]
    if any(step != 1 for step in settings["lhs_dilation"]) or settings["batch_group_count"] != 1:
        raise InputError("the network uses a transposed convolution, which has no rule in akd_jax/export/onnx_rules.py")
    output = graph.add(
        "Conv",
        graph.arranged(inputs, numbers.lhs_spec),
        graph.arranged(kernel, numbers.rhs_spec),
        strides=settings["window_strides"],
        pads=[side for sides in zip(*settings["padding"], strict=True) for side in sides],
        dilations=settings["rhs_dilation"],
        group=settings["feature_group_count"],
    )
    return Tensor(output, numbers.out_spec)


def _max_pool(graph, equation, images):
    settings = equation.params
    window, strides, padding = (settings[key] for key in ("window_dimensions", "window_strides", "padding"))
    if window[0] != 1 or window[3] != 1 or {*settings["base_dilation"], *settings["window_dilation"]} != {1}:
        raise InputError("the network uses a maximum that is no pooling of images [B, H, W, C]")
    output = graph.add(
        "MaxPool",
        graph.arranged(images, CHANNELS_FIRST),
        kernel_shape=window[1:3],
        strides=strides[1:3],
        pads=[side for sides in zip(*padding[1:3], strict=True) for side in sides],
    )
    return Tensor(output, CHANNELS_FIRST)


def _sum(graph, equation, value):
    gone = equation.params["axes"]
    places = [value.axes.index(axis) for axis in gone]
    output = graph.add("ReduceSum", value.name, graph.constant(places, np.int64), keepdims=0)
    return Tensor(output, _renumbered(value.axes, gone))


def _renumbered(axes: Sequence[int], gone: Sequence[int]) -> tuple[int, ...]:
    """The axes that are left, counted anew."""
    return tuple(axis - sum(each < axis for each in gone) for axis in axes if axis not in gone)


def _product(graph, equation, left, right):
    """Of a tensor and a constant matrix, over one axis: the tensor's other axes stay in whatever order they are."""
    ((summed, over), (shared, _)) = equation.params["dimension_numbers"]
    if len(summed) != 1 or shared or not isinstance(right, np.ndarray) or right.ndim != 2:
        raise InputError("the network uses a product that is none of a tensor and a constant matrix")
    (axis,), rest = summed, [axis for axis in left.axes if axis != summed[0]]
    matrix = graph.constant(right if over == (0,) else right.T)
    output = graph.add("MatMul", graph.arranged(left, [*rest, axis]), matrix)
    return Tensor(output, (*_renumbered(rest, (axis,)), len(rest)))


def _transpose(graph, equation, value):
    permutation = list(equation.params["permutation"])
    return Tensor(value.name, tuple(permutation.index(axis) for axis in value.axes))


def _reshape(graph, equation, value):
    sizes = [size if isinstance(size, int) else -1 for size in equation.params["new_sizes"]]
    canonical = graph.arranged(value, range(len(value.axes)))
    return Tensor(graph.add("Reshape", canonical, graph.constant(sizes, np.int64)), tuple(range(len(sizes))))


def _broadcast(graph, equation, value):
    shape, kept = equation.params["shape"], equation.params["broadcast_dimensions"]
    new = [axis for axis in range(len(shape)) if axis not in kept]
    name = graph.arranged(value, range(len(value.axes)))
    if new:
        name = graph.add("Unsqueeze", name, graph.constant(new, np.int64))
    old = dict(zip(kept, equation.invars[0].aval.shape, strict=True))
    sizes = [1 if old.get(axis, 1) == size else size for axis, size in enumerate(shape)]  # 1 leaves a size as it is
    return Tensor(graph.add("Expand", name, graph.constant(sizes, np.int64)), tuple(range(len(shape))))


def _pad(graph, equation, value, filler):
    sides = [equation.params["padding_config"][axis] for axis in value.axes]
    if any(inner for *_, inner in sides):
        raise InputError("the network pads between pixels, which has no rule in akd_jax/export/onnx_rules.py")
    pads = [low for low, _, _ in sides] + [high for _, high, _ in sides]
    return Tensor(graph.add("Pad", value.name, graph.constant(pads, np.int64), graph.constant(filler)), value.axes)


def _slice(graph, equation, value):
    settings, sizes = equation.params, equation.invars[0].aval.shape
    steps = settings["strides"] or (1,) * len(sizes)
    cuts = [
        (start, stop, value.axes.index(axis), step)
        for axis, (start, stop, step) in enumerate(
            zip(settings["start_indices"], settings["limit_indices"], steps, strict=True)
        )
        if (start, stop, step) != (0, sizes[axis], 1)
    ]
    return Tensor(
        graph.add("Slice", value.name, *(graph.constant(c, np.int64) for c in zip(*cuts, strict=True))), value.axes
    )


RULES: dict[str, Callable[..., Tensor]] = {
    "add": _elementwise("Add"),
    "sub": _elementwise("Sub"),
    "mul": _elementwise("Mul"),
    "div": _elementwise("Div"),
    "ge": _elementwise("GreaterOrEqual"),
    "tanh": _elementwise("Tanh"),
    "logistic": _elementwise("Sigmoid"),
    "max": _max,
    "select_n": _select,
    "convert_element_type": _cast,
    "conv_general_dilated": _convolution,
    "reduce_window_max": _max_pool,
    "reduce_sum": _sum,
    "dot_general": _product,
    "transpose": _transpose,
    "reshape": _reshape,
    "broadcast_in_dim": _broadcast,
    "pad": _pad,
    "slice": _slice,
}
"""primitive -> (graph, its equation, its inputs) -> its output."""
