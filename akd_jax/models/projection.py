"""A head that makes a few numbers of a network's features, by which images are told apart."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from akd_jax.types import Array, Network, Variables


class Projection(nn.Module):
    """Features [N, F] -> [N, size], of norm 1, through as many hidden units as there are features."""

    size: int

    @nn.compact
    def __call__(self, features: Array) -> Array:
        hidden = nn.relu(nn.Dense(features.shape[-1])(features))
        projected = nn.Dense(self.size)(hidden)
        return projected * jax.lax.rsqrt(jnp.maximum(jnp.square(projected).sum(-1, keepdims=True), 1e-24))


def projection(size: int) -> Network:
    """The module as a network: features [N, F] -> [N, size]. It has no batch norms."""
    module = Projection(size)

    def apply(variables, features, *, train):
        return module.apply({"params": variables.params}, features), variables.batch_stats

    return Network(lambda key, features: Variables(module.init(key, features)["params"], {}), apply)
