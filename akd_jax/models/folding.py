"""Batch norms of a frozen network folded into the convolutions before them."""

from collections import Counter
from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
from flax.traverse_util import flatten_dict, unflatten_dict
from jax.ad_checkpoint import checkpoint_name

from akd_jax.models.layers import EPSILON, BatchNorm, Conv
from akd_jax.types import Array, Network, Variables

MARK = "akd_jax.folding"

Path = tuple[str, ...]
"""Of a module: ("layer1_0", "conv1")."""


Fold = Callable[[Variables], Variables]
"""A network's variables -> those of the folded network; of NumPy, of JAX, or tracers, and so is what comes back."""


def fold_batch_norms(network: Network, inputs: Array) -> tuple[Network, Fold]:
    """The network in inference with fewer layers, and its variables for it: the same outputs, up to rounding.

    A batch norm that alone sees what a convolution gives, both used once, is gone, and the convolution has its scale
    and a bias: K * s and (b - mean) * s + bias, s = scale / sqrt(var + epsilon). Others stay: of a wide ResNet those
    that see a shortcut too, of a generator the first and the last. What is gone has no `batch_norm_inputs` either.
    inputs: of the shape that the network will see; arrays or jax.ShapeDtypeStruct.
    The folded network is frozen: with train=True it raises ValueError.
    """
    pairs = _pairs(network, inputs)

    def init(key, inputs):
        return _folded(network.init(key, inputs), pairs)

    def apply(variables, inputs, *, train, **how):
        if train:
            raise ValueError("a network whose batch norms are folded cannot be trained: train it before")
        with nn.intercept_methods(_without(pairs, variables.params)):
            return network.apply(variables, inputs, train=False, **how)

    return Network(init, apply), partial(_folded, pairs=pairs)


def _pairs(network: Network, inputs: Array) -> dict[Path, Path]:
    """batch norm -> the convolution that it folds into.

    Found in the traced program, where every use of a value shows: both are marked with their names, and a pair is a
    marked output that is used once, by the mark of a batch norm's input.
    """

    def mark(next_function, arguments, settings, context):
        name = "/".join(context.module.path)
        if isinstance(context.module, Conv) and context.method_name == "__call__":
            return checkpoint_name(next_function(*arguments, **settings), f"{MARK} Conv {name}")
        if isinstance(context.module, BatchNorm) and context.method_name == "__call__":
            return next_function(checkpoint_name(arguments[0], f"{MARK} BatchNorm {name}"), **settings)
        return next_function(*arguments, **settings)

    variables = jax.eval_shape(network.init, jax.random.key(0), inputs)
    with nn.intercept_methods(mark):
        traced = jax.make_jaxpr(lambda *both: network.apply(*both, train=False)[0])(variables, inputs).jaxpr
    uses = Counter(id(v) for equation in traced.eqns for v in equation.invars) + Counter(map(id, traced.outvars))
    marks = [e for e in traced.eqns if e.primitive.name == "name" and e.params["name"].startswith(f"{MARK} ")]
    times = Counter(equation.params["name"] for equation in marks)
    given, pairs = {}, {}
    for equation in marks:
        if times[equation.params["name"]] > 1:
            continue  # used in several places, so what is right for one is wrong for another
        _, kind, name = equation.params["name"].split(" ")
        path, (seen,), (marked,) = tuple(name.split("/")), equation.invars, equation.outvars
        if kind == "Conv":
            given[id(marked)] = path
        elif id(seen) in given and uses[id(seen)] == 1:
            pairs[path] = given[id(seen)]
    return pairs


def _folded(variables: Variables, pairs: dict[Path, Path]) -> Variables:
    params, statistics = dict(flatten_dict(variables.params)), dict(flatten_dict(variables.batch_stats))
    for norm, conv in pairs.items():
        mean, variance = (statistics.pop((*norm, name)) for name in ("mean", "var"))
        scale = params.pop((*norm, "scale"), 1.0) / (variance + EPSILON) ** 0.5
        shift = params.pop((*norm, "bias"), 0.0)
        params[*conv, "kernel"] = params[*conv, "kernel"] * scale
        params[*conv, "bias"] = (params.get((*conv, "bias"), 0.0) - mean) * scale + shift
    return Variables(unflatten_dict(params), unflatten_dict(statistics))


def _without(pairs: dict[Path, Path], params: dict):
    """An interceptor of Flax's: folded batch norms pass their input on, convolutions that had no bias add theirs."""
    convolutions, parameters = set(pairs.values()), flatten_dict(params)

    def intercept(next_function, arguments, settings, context):
        path = context.module.path
        if path in pairs and context.method_name == "__call__":
            return arguments[0]
        outputs = next_function(*arguments, **settings)
        if path in convolutions and context.method_name == "__call__" and not context.module.use_bias:
            outputs += parameters[*path, "bias"].astype(outputs.dtype)
        return outputs

    return intercept
