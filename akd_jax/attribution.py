"""Where a classifier looks: maps over positions of what it takes for a class."""

import jax
import jax.numpy as jnp

from akd_jax.types import Array, Network, Outputs, Variables


def class_maps(maps: Array, rows: Array) -> Array:
    """[B, H, W, F], [classes, F] -> [B, H, W, classes]: the last layer at each position, without its bias.

    Class activation maps (CAM, Zhou et al. 2016, arXiv:1512.04150). Their mean over positions are the logits, but for
    the bias.
    """
    return maps @ rows.T


def channel_weights(
    network: Network, variables: Variables, images: Array, classes: Array | None = None, *, train: bool
) -> tuple[tuple[Array, ...], Outputs]:
    """([B, C] of each stage: the gradient of an image's logit of its class, mean over positions; the outputs).

    Grad-CAM's (Selvaraju et al. 2017, arXiv:1610.02391, eq. 1). classes: [B], by default those of the largest logits.
    With train=True images see each other through batch norms, and the gradient is of the sum of their logits.
    """
    outputs, _ = jax.eval_shape(lambda v, x: network.apply(v, x, train=train), variables, images)
    still = jax.tree.map(lambda stage: jnp.zeros(stage.shape, stage.dtype), outputs.stages)

    def chosen(shifts):
        outputs, _ = network.apply(variables, images, train=train, shifts=shifts)
        of = outputs.logits.argmax(-1) if classes is None else classes
        return jnp.take_along_axis(outputs.logits, of[:, None], -1).sum(), outputs

    slopes, outputs = jax.grad(chosen, has_aux=True)(still)
    return tuple(slope.mean((1, 2)) for slope in slopes), outputs


def weighted_maps(stages: tuple[Array, ...], weights: tuple[Array, ...]) -> dict[tuple[int, int], Array]:
    """(height, width) -> [B, H, W]: the stage of that size, the last of it, summed over channels with its weights.

    Grad-CAM (ibid., eq. 2) without its ReLU. stages: [B, H, W, C] each; weights: of `channel_weights`.
    """
    return {
        stage.shape[1:3]: jnp.einsum("bhwc,bc->bhw", stage, weight)
        for stage, weight in zip(stages, weights, strict=True)
    }
