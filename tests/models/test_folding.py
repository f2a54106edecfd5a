"""Folded batch norms: the same outputs from fewer layers."""

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from small_networks import NETWORKS, close, evaluated, quick, scrambled

from akd_jax.models.folding import fold_batch_norms
from akd_jax.models.network import on_pixels


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


def test_a_folded_network_does_not_train():
    network, shape, _ = NETWORKS["option A"]
    inputs = np.zeros(shape, np.float32)
    folded, fold = fold_batch_norms(network, inputs)
    with pytest.raises(ValueError, match="cannot be trained"):
        folded.apply(fold(scrambled(network, inputs)), inputs, train=True)
