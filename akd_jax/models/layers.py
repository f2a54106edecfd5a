"""Layers with PyTorch's numerics, shared by all networks."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax import errors
from jax import lax
from jax.nn import initializers

from akd_jax.channels import add_bias, moments, rescale
from akd_jax.models.convolution import convolution
from akd_jax.types import Array

torch_uniform = initializers.variance_scaling(1 / 3, "fan_in", "uniform")
"""PyTorch's default for convolution and linear weights: U(-b, b), b = 1/sqrt(fan_in)."""

he_normal_fan_out = initializers.variance_scaling(2.0, "fan_out", "normal")
"""He et al. 2015 with fan out: the initialisation of torchvision's and DFAD's ResNets."""


EPSILON = 1e-5
"""Added to the variance in every batch norm: PyTorch's default."""

MOMENTUM = 0.9
"""Share of the old in every running statistic: PyTorch's 0.1 is the new one's."""


def torch_uniform_bias(fan_in: int) -> Callable[..., Array]:
    """PyTorch's default for biases: U(-b, b), b = 1/sqrt(fan_in) of the layer's weights."""
    bound = fan_in**-0.5
    uniform = initializers.uniform(2 * bound)
    return lambda key, shape, dtype=jnp.float32: uniform(key, shape, dtype) - bound


def _parameter(module: nn.Module, name: str, init: Callable[..., Array], shape: tuple[int, ...]) -> Array:
    """`module.param`, which traces the initializer for its shape whenever the module is applied: a tenth of tracing."""
    if not module.has_variable("params", name):
        return module.param(name, init, shape)
    found = module.get_variable("params", name)
    if found.shape != shape:
        raise errors.ScopeParamShapeError(name, module.scope.path_text, found.shape, shape)
    return found


class Conv(nn.Module):
    """[B, H, W, I] -> [B, H', W', features]; square kernel, zero padding of (size - 1) // 2 on every side.

    Explicit padding, since 'SAME' pads even sizes on one side only at stride 2, which PyTorch does not.
    bias_init: None for PyTorch's default.
    """

    features: int
    size: int
    stride: int = 1
    use_bias: bool = False
    kernel_init: Callable[..., Array] = he_normal_fan_out
    bias_init: Callable[..., Array] | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        shape = (self.size, self.size, inputs.shape[-1], self.features)
        kernel = _parameter(self, "kernel", self.kernel_init, shape)
        bias_init = self.bias_init or torch_uniform_bias(self.size**2 * shape[2])
        bias = _parameter(self, "bias", bias_init, shape[3:]) if self.use_bias else None
        inputs, kernel, bias = nn.dtypes.promote_dtype(inputs, kernel, bias, dtype=self.dtype)
        outputs = convolution(inputs, kernel, self.stride, (self.size - 1) // 2)
        return outputs if bias is None else add_bias(outputs, bias)


class Dense(nn.Module):
    """[B, I] -> [B, features]: `nn.Dense`, but the bias's gradient is added up in float32 at least."""

    features: int
    kernel_init: Callable[..., Array] = torch_uniform
    bias_init: Callable[..., Array] = initializers.zeros
    dtype: Any = None

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        kernel = _parameter(self, "kernel", self.kernel_init, (inputs.shape[-1], self.features))
        bias = _parameter(self, "bias", self.bias_init, (self.features,))
        inputs, kernel, bias = nn.dtypes.promote_dtype(inputs, kernel, bias, dtype=self.dtype)
        return add_bias(inputs @ kernel, bias)


def _newest(_, noted: Array) -> Array:
    """What `sow` keeps: the value itself instead of a tuple of all."""
    return noted


@jax.jit
def _moved(running: tuple[Array, Array], batch: tuple[Array, Array]) -> tuple[Array, Array]:
    return jax.tree.map(lambda old, new: MOMENTUM * old + (1 - MOMENTUM) * new, running, batch)


@jax.jit
def _gain(scale: Array | float, var: Array) -> Array:
    return scale * _inverse_root(var + EPSILON)


@jax.custom_jvp
def _inverse_root(numbers: Array) -> Array:
    return lax.rsqrt(numbers)


@_inverse_root.defjvp
def _derivative(numbers, tangents):
    # Autodiff's own divides, which XLA takes for too dear to be part of a larger kernel.
    root = _inverse_root(*numbers)
    return root, -0.5 * root**3 * tangents[0]


def stage_end(module: nn.Module, number: int, hidden: Array) -> Array:
    """What stage `number` of the module gives [B, H, W, C], noted in the collection 'stages'.

    With a collection 'shifts' the array of that number in it is added first, so that one can ask for a gradient there.
    """
    if module.has_variable("shifts", name := f"stage_{number}"):
        hidden = hidden + module.get_variable("shifts", name).astype(hidden.dtype)
    module.sow("stages", "outputs", hidden)
    return hidden


def mean_over_positions(module: nn.Module, hidden: Array) -> Array:
    """[B, H, W, F] -> features [B, F]; noted is what they are the mean of, in the collection 'maps'."""
    module.sow("maps", "features", hidden, reduce_fn=_newest)
    return hidden.mean((1, 2))


class BatchNorm(nn.Module):
    """Batch norm over batch and positions (Ioffe & Szegedy 2015, arXiv:1502.03167).

    Notes its input's statistics in the collection 'batch_norm_inputs'. Running variances are the biased ones.
    """

    train: bool
    affine: bool = True
    dtype: Any = None

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        shape = inputs.shape[-1:]
        scale = _parameter(self, "scale", initializers.ones, shape) if self.affine else 1.0
        bias = _parameter(self, "bias", initializers.zeros, shape) if self.affine else jnp.zeros(shape)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
        running_var = self.variable("batch_stats", "var", jnp.ones, shape)
        mean, var = moments(inputs)
        self.sow("batch_norm_inputs", "mean", mean, reduce_fn=_newest)
        self.sow("batch_norm_inputs", "var", var, reduce_fn=_newest)
        if not self.train:
            mean, var = running_mean.value, running_var.value
        elif not self.is_initializing():
            running = running_mean.value, running_var.value
            running_mean.value, running_var.value = _moved(running, (mean, var))
        outputs = rescale(inputs, mean, _gain(scale, var), bias)
        dtype = self.dtype or jnp.result_type(inputs, scale, bias)
        return outputs.astype(dtype)
