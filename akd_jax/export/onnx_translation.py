"""A JAX function as an ONNX model: its jaxpr, equation by equation.

What does not depend on the function's input is computed here and becomes a constant; for the rest there are RULES.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax import export
from jax.extend.core import Literal

from akd_jax.errors import InputError
from akd_jax.export.onnx_graph import BATCH, Graph, Tensor, order_of, serialized, with_biases
from akd_jax.export.onnx_rules import RULES
from akd_jax.types import Array


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
    (result,) = _translated(graph, traced, [Tensor(names[0], order_of(given))])
    graph.add("Identity", graph.arranged(result, order_of(wanted)), output=names[1])
    return serialized(with_biases(graph), [(names[0], given), (names[1], wanted)], metadata)


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
        raise InputError(f"the network uses {primitive.name!r}, which has no rule in akd_jax/export/onnx_rules.py")
    return [RULES[primitive.name](graph, equation, *inputs)]
