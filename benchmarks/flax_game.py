"""The networks as a plain Flax user writes them: Flax's own layers, in the shape of ours, whose weights fit them."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from akd_jax.experiment import method_of
from akd_jax.families.family import Scene
from akd_jax.models import MODELS
from akd_jax.models.network import classifier, image_generator, resize_inputs
from akd_jax.types import Array, Network
from benchmarks.games import Table, images_of, task_of, teacher_size


def _conv(width: int, size: int, stride: int, name: str, dtype: Any, *, use_bias: bool = False) -> nn.Conv:
    return nn.Conv(width, (size, size), stride, (size - 1) // 2, use_bias=use_bias, dtype=dtype, name=name)


def _norm(train: bool, name: str, dtype: Any, **settings) -> nn.BatchNorm:
    return nn.BatchNorm(not train, momentum=0.9, use_fast_variance=False, dtype=dtype, name=name, **settings)


def _wide(outputs: Array) -> Array:
    """What leaves a network is float32, or wider."""
    return outputs.astype(jnp.promote_types(outputs.dtype, jnp.float32))


class Block(nn.Module):
    """A basic block of He et al. 2015 (arXiv:1512.03385), shortcut B."""

    width: int
    stride: int
    dtype: Any = None

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        hidden = _conv(self.width, 3, self.stride, "conv1", self.dtype)(inputs)
        hidden = nn.relu(_norm(train, "bn1", self.dtype)(hidden))
        hidden = _norm(train, "bn2", self.dtype)(_conv(self.width, 3, 1, "conv2", self.dtype)(hidden))
        if self.stride != 1 or inputs.shape[-1] != self.width:
            inputs = _conv(self.width, 1, self.stride, "downsample_conv", self.dtype)(inputs)
            inputs = _norm(train, "downsample_bn", self.dtype)(inputs)
        return nn.relu(hidden + inputs)


class ResNet(nn.Module):
    """Images [B, H, W, C] -> (logits [B, classes], features); stages: (blocks, channels) of each."""

    classes: int
    stages: tuple[tuple[int, int], ...]
    large: bool
    dtype: Any = None

    @nn.compact
    def __call__(self, images: Array, train: bool) -> tuple[Array, Array]:
        size, stride = (7, 2) if self.large else (3, 1)
        hidden = _conv(self.stages[0][1], size, stride, "conv1", self.dtype)(images)
        hidden = nn.relu(_norm(train, "bn1", self.dtype)(hidden))
        if self.large:
            hidden = nn.max_pool(hidden, (3, 3), (2, 2), ((1, 1), (1, 1)))
        for stage, (blocks, width) in enumerate(self.stages):
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                hidden = Block(width, stride, self.dtype, name=f"layer{stage + 1}_{block}")(hidden, train)
        features = hidden.mean((1, 2))
        return _wide(nn.Dense(self.classes, dtype=self.dtype, name="fc")(features)), features


class Generator(nn.Module):
    """Latents [B, Z] -> images [B, size, size, channels] (DFAD)."""

    size: int
    channels: int
    width: int
    dtype: Any = None

    @nn.compact
    def __call__(self, latents: Array, train: bool) -> Array:
        def twice(images):
            return images.repeat(2, axis=1).repeat(2, axis=2)

        start = self.size // 4

        def conv(images, width, name):
            return _conv(width, 3, 1, name, self.dtype, use_bias=True)(images)

        def norm(images, name, **settings):
            return _norm(train, name, self.dtype, **settings)(images)

        hidden = nn.Dense(2 * self.width * start**2, dtype=self.dtype, name="l1_0")(latents)
        hidden = hidden.reshape(-1, 2 * self.width, start, start).transpose(0, 2, 3, 1)
        hidden = conv(twice(norm(hidden, "conv_blocks0_0")), 2 * self.width, "conv_blocks1_0")
        hidden = nn.leaky_relu(norm(hidden, "conv_blocks1_1"), 0.2)
        hidden = conv(twice(hidden), self.width, "conv_blocks2_0")
        hidden = nn.leaky_relu(norm(hidden, "conv_blocks2_1"), 0.2)
        images = nn.tanh(conv(hidden, self.channels, "conv_blocks2_3"))
        return _wide(norm(images, "conv_blocks2_5", use_scale=False, use_bias=False))


def plain(table: Table) -> Table:
    """The same game, weights and all, played by plain Flax modules."""
    config = table.config
    images = images_of(table, 1)
    classes = table.loaded.params["fc"]["bias"].shape[0]
    dtype = None if config.dtype == "float32" else jnp.dtype(config.dtype)

    def network(name: str, size: int | None) -> Network:
        module = ResNet(classes, MODELS[name].stages, MODELS[name].input_size is not None, dtype)
        return resize_inputs(classifier(module), size) if size else classifier(module)

    teacher = network(config.teacher.arch, teacher_size(config))
    students = {name: network(name, None) for name in config.students}
    generator = image_generator(Generator(config.image_size, images.shape[-1], config.generator.width, dtype))
    method = method_of(config, teacher, students, generator, scene=Scene(task_of(config), taught=True, examples=0))
    experiment = table.experiment._replace(teacher=teacher, students=students, generator=generator, method=method)
    return table._replace(experiment=experiment, teacher_variables=table.loaded)
