"""A JAX function as an ONNX graph: the primitives that the networks use in inference, one rule each.

Source: the operators of ONNX's opset 17 (https://onnx.ai/onnx/operators/). What does not depend on the function's input
is computed here and becomes a constant. ONNX convolves channels first and JAX's networks are channels last, so a tensor
of the graph knows which JAX axis each of its own is: a convolution's output stays channels first until something needs
another order, and a transpose of JAX's costs nothing.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import export
from jax.extend.core import Literal

from akd_jax import __version__
from akd_jax.errors import InputError
from akd_jax.types import Array

OPSET, IR_VERSION = 17, 8  # of 2021: what runtimes of today all read
BATCH = "batch"
CHANNELS_FIRST = (0, 3, 1, 2)


class Tensor(NamedTuple):
    """name: in the graph. axes: the JAX axis that stands at each place of its shape."""

    name: str
    axes: tuple[int, ...]


class Node(NamedTuple):
    """An operation of the graph with one output."""

    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any]


class Graph:
    """A graph while it grows."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, np.ndarray] = {}

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Appends an operation; the name of its output."""
        output = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(Node(operator, inputs, output, attributes))
        return output

    def constant(self, values: Any, dtype: Any = None) -> str:
        """The name of a constant."""
        name = f"constant_{len(self.constants)}"
        self.constants[name] = np.ascontiguousarray(values, dtype).reshape(np.shape(values))
        return name

    def arranged(self, value: Tensor | np.ndarray, axes: Sequence[int]) -> str:
        """The name of the value with its JAX axes in this order; of a scalar as it is."""
        axes = tuple(axes)
        if isinstance(value, np.ndarray):
            return self.constant(value.transpose(axes) if value.ndim else value)
        if value.axes == axes or not value.axes:
            return value.name
        return self.add("Transpose", value.name, perm=[value.axes.index(axis) for axis in axes])


def encode(
    function: Callable[[Array], Array],
    example: Any,
    *,
    names: tuple[str, str],
    metadata: Mapping[str, str],
) -> bytes:
    """An ONNX model of the function for batches of any size.

    example: an array, or a jax.ShapeDtypeStruct, of the function's input [B, ...]. names: of its input and its output.
    Floating images [B, H, W, C] are [batch, C, H, W] in the model, as ONNX has them; bytes stay [batch, H, W, C].
    Raises InputError for a function with a primitive that has no rule.
    """
    (batch,) = export.symbolic_shape(BATCH)
    traced = jax.make_jaxpr(function)(jax.ShapeDtypeStruct((batch, *example.shape[1:]), example.dtype))
    ((given,), (wanted,)) = traced.in_avals, traced.out_avals
    graph = Graph()
    (result,) = _translated(graph, traced, [Tensor(names[0], _order(given))])
    graph.add("Identity", graph.arranged(result, _order(wanted)), output=names[1])
    return _model(_with_biases(graph), [(names[0], given), (names[1], wanted)], metadata)


def _order(aval: Any) -> tuple[int, ...]:
    return CHANNELS_FIRST if aval.ndim == 4 and aval.dtype.kind == "f" else tuple(range(aval.ndim))


def _translated(graph: Graph, closed: Any, arguments: Sequence[Tensor | np.ndarray]) -> list[Tensor | np.ndarray]:
    """The outputs of a jaxpr, of which what the outputs need is added to the graph."""
    jaxpr = closed.jaxpr
    values = dict(zip(jaxpr.constvars, map(np.asarray, closed.consts), strict=True))
    values |= dict(zip(jaxpr.invars, arguments, strict=True))

    def look_up(atom):
        return np.asarray(atom.val, atom.aval.dtype) if isinstance(atom, Literal) else values[atom]

    for equation in _needed(jaxpr):
        results = _applied(graph, equation, [look_up(atom) for atom in equation.invars])
        values |= dict(zip(equation.outvars, results, strict=True))
    return [look_up(atom) for atom in jaxpr.outvars]


def _needed(jaxpr: Any) -> list[Any]:
    """The equations that the outputs depend on."""
    live = {atom for atom in jaxpr.outvars if not isinstance(atom, Literal)}
    needed = []
    for equation in reversed(jaxpr.eqns):
        if live & set(equation.outvars):
            needed.append(equation)
            live |= {atom for atom in equation.invars if not isinstance(atom, Literal)}
    return needed[::-1]


def _applied(graph: Graph, equation: Any, inputs: Sequence[Tensor | np.ndarray]) -> list[Tensor | np.ndarray]:
    primitive, settings = equation.primitive, equation.params
    if inner := settings.get("jaxpr") or settings.get("call_jaxpr"):  # jit, and functions with derivatives of their own
        return _translated(graph, inner, inputs)
    if primitive.name == "platform_index":  # the choice that is nobody's in particular
        return [np.asarray(settings["platforms"].index(None), np.int32)]
    if primitive.name == "cond" and isinstance(inputs[0], np.ndarray):
        return _translated(graph, settings["branches"][int(inputs[0])], inputs[1:])
    if all(isinstance(value, np.ndarray) for value in inputs):
        results = primitive.bind(*inputs, **settings)
        return [np.asarray(result) for result in (results if primitive.multiple_results else [results])]
    if primitive.name not in RULES:
        raise InputError(f"the network uses {primitive.name!r}, which has no rule in akd_jax/export/onnx_graph.py")
    return [RULES[primitive.name](graph, equation, *inputs)]


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
        raise InputError("the network uses a transposed convolution, which has no rule in akd_jax/export/onnx_graph.py")
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
        raise InputError("the network pads between pixels, which has no rule in akd_jax/export/onnx_graph.py")
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


def _with_biases(graph: Graph) -> Graph:
    """A constant by channel that is all that is ever done with a convolution's output becomes its bias."""
    uses = Counter(name for node in graph.nodes for name in node.inputs)
    convolutions = {node.output: node for node in graph.nodes if node.operator == "Conv" and uses[node.output] == 1}
    fewer = Graph()
    fewer.constants = dict(graph.constants)
    merged = {}
    for node in graph.nodes:
        conv, bias = (convolutions.get(node.inputs[0]), fewer.constants.get(node.inputs[-1]))
        if node.operator == "Add" and conv and bias is not None and bias.shape[:1] + bias.shape[2:] == (1, 1, 1):
            fewer.constants[node.inputs[1]] = bias.ravel()
            merged[conv.output] = Node("Conv", (*conv.inputs, node.inputs[1]), node.output, conv.attributes)
        else:
            fewer.nodes.append(node)
    fewer.nodes = [merged.get(node.output, node) for node in fewer.nodes]
    return fewer


def _model(graph: Graph, ends: Sequence[tuple[str, Any]], metadata: Mapping[str, str]) -> bytes:
    """ends: the name and the JAX type of the input and of the output."""
    from onnx import checker, helper, numpy_helper  # an optional library

    def attribute(value):
        return helper.np_dtype_to_tensor_dtype(value) if isinstance(value, np.dtype) else value

    def described(name, aval):
        sizes = [aval.shape[axis] for axis in _order(aval)]
        kind = helper.np_dtype_to_tensor_dtype(aval.dtype)
        return helper.make_tensor_value_info(name, kind, [s if isinstance(s, int) else BATCH for s in sizes])

    used = {name for node in graph.nodes for name in node.inputs}
    model = helper.make_model(
        helper.make_graph(
            [
                helper.make_node(
                    node.operator, node.inputs, [node.output], **{k: attribute(v) for k, v in node.attributes.items()}
                )
                for node in graph.nodes
            ],
            "network",
            [described(*ends[0])],
            [described(*ends[1])],
            [numpy_helper.from_array(array, name) for name, array in graph.constants.items() if name in used],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="akd_jax",
        producer_version=__version__,
    )
    helper.set_model_props(model, dict(metadata))
    checker.check_model(model, full_check=True)
    return model.SerializeToString()
