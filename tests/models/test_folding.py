"""Folded batch norms: the same outputs from fewer layers."""

import flax.linen as nn
import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from jax.ad_checkpoint import checkpoint_name
from small_networks import NETWORKS, close, evaluated, quick, scrambled

from akd_jax.models.folding import fold_batch_norms
from akd_jax.models.layers import BatchNorm, Conv
from akd_jax.models.network import classifier, on_pixels


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_the_same_and_batch_norms_are_gone(name):
    network, shape, stay = NETWORKS[name]
    inputs = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    variables = scrambled(network, inputs)
    folded, fold = fold_batch_norms(network, inputs)
    fewer = fold(variables)
    tolerance = 2e-2 if name == "bfloat16" else 3e-6
    assert close(evaluated(folded, fewer, inputs), evaluated(network, variables, inputs), tolerance)
    assert len({path[:-1] for path in flatten_dict(fewer.batch_stats)}) == stay
    fresh = jax.eval_shape(folded.init, jax.random.key(1), inputs)
    assert jax.tree.map(np.shape, fresh) == jax.tree.map(np.shape, fewer)


def test_gradients_by_the_images_are_the_same():
    """What a generator learns from a frozen teacher, which is folded inside the compiled step."""
    network, shape, _ = NETWORKS["resnet"]
    network = on_pixels(network, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    images = np.random.default_rng(1).uniform(0, 255, shape).astype(np.float32)

    @quick
    def gradients(variables, images):
        def energy(images, network, variables):
            return (network.apply(variables, images, train=False)[0].logits ** 2).sum()

        folded, fold = fold_batch_norms(network, images)
        return [jax.grad(energy)(images, *each) for each in ((network, variables), (folded, fold(variables)))]

    wanted, found = gradients(scrambled(network, images), images)
    assert close(found, wanted, 1e-5)


class Shared(nn.Module):
    """One convolution before two batch norms, one batch norm after two convolutions, and a mark of the user's own."""

    @nn.compact
    def __call__(self, images, train):
        conv, norm = Conv(3, 3, name="conv"), BatchNorm(train, name="norm")
        hidden = checkpoint_name(images, "the user's")
        for i in range(2):
            hidden = BatchNorm(train, name=f"norm{i}")(conv(hidden))
        for i in range(2):
            hidden = norm(Conv(3, 3, name=f"conv{i}")(hidden))
        return BatchNorm(train, name="last_norm")(Conv(3, 3, name="last")(hidden)).mean((1, 2)), hidden


def test_what_is_used_twice_stays():
    network = classifier(Shared())
    inputs = np.random.default_rng(1).normal(size=(2, 8, 8, 3)).astype(np.float32)
    variables = scrambled(network, inputs)
    folded, fold = fold_batch_norms(network, inputs)
    assert close(evaluated(folded, fold(variables), inputs), evaluated(network, variables, inputs), 3e-6)
    assert fold(variables).batch_stats.keys() == {"norm", "norm0", "norm1"}


def test_a_folded_network_does_not_train():
    network, shape, _ = NETWORKS["option A"]
    inputs = np.zeros(shape, np.float32)
    folded, fold = fold_batch_norms(network, inputs)
    with pytest.raises(ValueError, match="cannot be trained"):
        folded.apply(fold(scrambled(network, inputs)), inputs, train=True)
