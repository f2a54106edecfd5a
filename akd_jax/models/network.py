"""Flax modules as `Network`s, and what can be put before a network."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from akd_jax.pixels import from_pixels, normalised
from akd_jax.types import Array, Network, Outputs, Variables


def classifier(module: nn.Module) -> Network:
    """A module (images, train) -> (logits, features) as a network that returns `Outputs`."""

    def outputs(result, collections):
        logits, features = result
        wide = jax.tree.map(
            lambda leaf: leaf.astype(jnp.promote_types(leaf.dtype, jnp.float32)),
            (collections.get("stages", {}).get("outputs", ()), collections.get("maps", {}).get("features", ())),
        )
        return Outputs(logits, features, collections.get("batch_norm_inputs", {}), *wide)

    return _network(module, outputs)


def image_generator(module: nn.Module) -> Network:
    """A module (latents, train) -> images as a network that returns the images.

    One with PARTS, numbers, takes `parts` too: those of them that are played, of what the part before gave.
    """

    def part(number):
        def apply(variables, hidden, *, train):
            return whole.apply(variables, hidden, train=train, parts=(number,))

        return apply

    whole = _network(module, lambda images, _: images)
    return whole._replace(parts=tuple(part(number) for number in getattr(module, "PARTS", ())))


def _network(module, outputs) -> Network:
    def init(key, inputs):
        # Shapes alone: a forward pass would compile every layer once more, for nothing.
        shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), inputs)
        collections = module.lazy_init(key, shapes, mutable=["params", "batch_stats"], train=False)
        return Variables(collections["params"], collections.get("batch_stats", {}))

    def apply(variables, inputs, *, train, shifts=(), **how):
        collections = {"params": variables.params, "batch_stats": variables.batch_stats}
        if shifts:
            collections["shifts"] = {f"stage_{number}": shift for number, shift in enumerate(shifts)}
        mutable = ["batch_norm_inputs", "stages", "maps"] + (["batch_stats"] if train else [])
        result, moved = module.apply(collections, inputs, train=train, mutable=mutable, **how)
        return outputs(result, moved), moved.get("batch_stats", variables.batch_stats)

    return Network(init, apply)


def resize_inputs(network: Network, size: int) -> Network:
    """The network behind a bilinear enlargement of its images to [B, size, size, C].

    Corner pixels stay corner pixels (PyTorch's align_corners=True), which `jax.image.resize` does not offer;
    it is separable, so it is two small matrix products.
    """

    def resized(images):
        rows, columns = (jnp.asarray(_interpolation(old, size), images.dtype) for old in images.shape[1:3])
        return jnp.einsum("yh,bhwc,xw->byxc", rows, images, columns)

    return Network(
        init=lambda key, images: network.init(key, resized(images)),
        apply=lambda variables, images, **how: network.apply(variables, resized(images), **how),
    )


def on_pixels(network: Network, mean: Sequence[float], std: Sequence[float]) -> Network:
    """The network for uint8 images [B, H, W, C]: (pixels / 255 - mean) / std first, mean and std one a channel."""
    return Network(
        init=lambda key, pixels: network.init(key, from_pixels(pixels, mean, std)),
        apply=lambda variables, pixels, **how: network.apply(variables, from_pixels(pixels, mean, std), **how),
    )


def pixels(size: int, channels: int) -> Network:
    """The generator without parameters, whose latents [B, size * size * channels] are its images' pixels."""

    def apply(variables, latents, *, train):
        return latents.reshape(-1, size, size, channels), variables.batch_stats

    return Network(lambda key, latents: Variables({}, {}), apply)


def normalised_images(generator: Network, mean: Sequence[float], std: Sequence[float]) -> Network:
    """The generator of images in 0..1 with (x - mean) / std after it, mean and std one a channel or one for all."""

    def behind(apply):
        def normalising(variables, inputs, *, train):
            images, batch_stats = apply(variables, inputs, train=train)
            return normalised(images, mean, std), batch_stats

        return normalising

    *parts, last = generator.parts
    return Network(generator.init, behind(generator.apply), (*parts, behind(last)))


def _interpolation(old: int, new: int) -> np.ndarray:
    """[new, old]: row i holds the weights of the old pixels in the new pixel i."""
    positions = np.linspace(0, old - 1, new)
    return np.maximum(0, 1 - np.abs(positions[:, None] - np.arange(old)))


def class_rows(variables: Variables) -> Array:
    """[classes, F]: the last layer's weights, what a classifier of the table looks for in its features."""
    (head,) = (variables.params[name] for name in ("fc", "classifier") if name in variables.params)
    return head["kernel"].T


def parameter_count(variables: Variables) -> int:
    """The number of trainable numbers; batch-norm statistics do not count."""
    return sum(leaf.size for leaf in jax.tree.leaves(variables.params))
