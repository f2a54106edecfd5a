"""Floating-point operations of a function, counted from what it computes (2 a multiply-add).

Only convolutions and matrix products count, and only the products that are needed: pixels that a dilation
fills with zeros do not. XLA's own cost analysis counts a loop's body once, whatever its length.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import jax
from jax.extend import core
from jax.interpreters.partial_eval import dce_jaxpr


def count_flops(function: Callable, *arguments: Any) -> int:
    """The operations of `function(*arguments)`; arguments may be jax.ShapeDtypeStruct."""
    return _count(jax.make_jaxpr(function)(*arguments).jaxpr)


def _count(jaxpr: core.Jaxpr) -> int:
    # Without what nobody reads, which `jit` drops too: a teacher's weight gradients.
    needed, _ = dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
    platforms = {v for equation in needed.eqns if equation.primitive.name == "platform_index" for v in equation.outvars}
    return sum(_operations(equation, platforms) for equation in needed.eqns)


def _operations(equation, platforms) -> int:
    name, parameters = equation.primitive.name, equation.params
    if name == "dot_general":
        (contracted, _), _ = parameters["dimension_numbers"]
        left = equation.invars[0].aval.shape
        return 2 * prod(equation.outvars[0].aval.shape) * prod(left[axis] for axis in contracted)
    if name == "conv_general_dilated":
        kernel, numbers = equation.invars[1].aval.shape, parameters["dimension_numbers"].rhs_spec
        products = prod(equation.outvars[0].aval.shape) * prod(kernel) // kernel[numbers[0]]
        return 2 * products // prod(parameters["lhs_dilation"])
    if name == "cond":
        counts = [_count(branch.jaxpr) for branch in parameters["branches"]]
        # Of forms for platforms what is needed is what the leanest takes; other choices are as likely as one another.
        drawn = isinstance(equation.invars[0], core.Var) and equation.invars[0] not in platforms
        return sum(counts) // len(counts) if drawn else min(counts)
    times = parameters["length"] if name == "scan" else 1
    inner = [value for value in parameters.values() if isinstance(value, core.ClosedJaxpr | core.Jaxpr)]
    return times * sum(_count(getattr(jaxpr, "jaxpr", jaxpr)) for jaxpr in inner)
