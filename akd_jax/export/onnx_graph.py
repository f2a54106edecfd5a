"""An ONNX graph: how it grows, and what its file is.

Source: the operators of ONNX's opset 17 (https://onnx.ai/onnx/operators/). ONNX convolves channels first and JAX's
networks are channels last, so a tensor of the graph knows which JAX axis each of its own is: a convolution's output
stays channels first until something needs another order, and a transpose of JAX's costs nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from akd_jax import __version__

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


def order_of(aval: Any) -> tuple[int, ...]:
    """The JAX axes of an input or output of this JAX type, in the order of the model: images are channels first."""
    return CHANNELS_FIRST if aval.ndim == 4 and aval.dtype.kind == "f" else tuple(range(aval.ndim))


def with_biases(graph: Graph) -> Graph:
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


def serialized(graph: Graph, ends: Sequence[tuple[str, Any]], metadata: Mapping[str, str]) -> bytes:
    """An ONNX model of the graph, checked. ends: the name and the JAX type of the input and of the output."""
    from onnx import checker, helper, numpy_helper  # an optional library

    def attribute(value):
        return helper.np_dtype_to_tensor_dtype(value) if isinstance(value, np.dtype) else value

    def described(name, aval):
        sizes = [aval.shape[axis] for axis in order_of(aval)]
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
