"""Maps of where a classifier looks, against PyTorch's autograd and by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_networks import quick

from akd_jax.attribution import channel_weights, class_maps, weighted_maps
from akd_jax.models import class_rows
from akd_jax.models.network import classifier, resize_inputs
from akd_jax.models.resnet import ResNet
from akd_jax.models.vgg import VGG
from akd_jax.models.wide_resnet import WideResNet

NETWORKS = {
    "resnet": (classifier(ResNet(5, (1, 1), (4, 8))), 8),
    "wide resnet": (classifier(WideResNet(5, 10, 1)), 8),
    "vgg": (classifier(VGG(5, (1, 1, 1, 1, 1))), 16),
    "behind a resize": (resize_inputs(classifier(ResNet(5, (1,), (4,))), 12), 8),
    "bfloat16": (classifier(ResNet(5, (1, 1), (4, 8), dtype=jnp.bfloat16)), 8),
}


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=[pytest.mark.slow] * (name in ("vgg", "behind a resize"))) for name in NETWORKS],
)
def seen(request):
    network, side = NETWORKS[request.param]
    images = jax.random.normal(jax.random.key(1), (3, side, side, 3))
    return request.param, network, quick(network.init)(jax.random.key(0), images), images


def test_class_maps_are_logits_in_the_mean(seen):
    name, network, variables, images = seen
    outputs = quick(lambda v, x: network.apply(v, x, train=True)[0])(variables, images)
    maps = class_maps(outputs.maps, class_rows(variables))
    head = variables.params.get("fc", variables.params.get("classifier"))
    assert maps.shape == (*outputs.maps.shape[:3], 5)
    np.testing.assert_allclose(
        maps.mean((1, 2)) + head["bias"], outputs.logits, atol=3e-2 if name == "bfloat16" else 1e-5
    )


def test_a_stage_shifted_along_its_weights_moves_the_logits(seen):
    """By finite differences: each channel of each stage by a little, at all positions."""
    name, network, variables, images = seen
    if name == "bfloat16":
        pytest.skip("rounds small differences away")
    classes = jnp.array([0, 3, 4])
    with jax.enable_x64(True):
        variables, images = jax.tree.map(lambda leaf: leaf.astype(float), (variables, images))
        weights, outputs = quick(lambda v, x: channel_weights(network, v, x, classes, train=True))(variables, images)
        ways = [
            jax.random.normal(jax.random.key(n), (3, 1, 1, s.shape[-1]), float) for n, s in enumerate(outputs.stages)
        ]

        @quick
        def logits(by):
            """Of the classes, summed, with each stage alone moved by so much."""
            moved = []
            for number, way in enumerate(ways):
                shifts = [jnp.zeros_like(stage) for stage in outputs.stages]
                shifts[number] = by * way * jnp.ones_like(shifts[number])
                told = network.apply(variables, images, train=True, shifts=shifts)[0].logits
                moved.append(told[jnp.arange(3), classes].sum())
            return jnp.stack(moved)

        slopes = (logits(1e-6) - logits(-1e-6)) / 2e-6
        positions = [stage.shape[1] * stage.shape[2] for stage in outputs.stages]
        wanted = [n * (weight * way[:, 0, 0]).sum() for n, weight, way in zip(positions, weights, ways, strict=True)]
    np.testing.assert_allclose(slopes, wanted, rtol=1e-5, atol=1e-8)


def test_weights_in_bfloat16_are_those_of_float32():
    images = jax.random.normal(jax.random.key(1), (3, 8, 8, 3))
    (half, _), (single, _) = NETWORKS["bfloat16"], NETWORKS["resnet"]
    variables = quick(single.init)(jax.random.key(0), images)
    classes = jnp.array([0, 3, 4])
    of_half, outputs = quick(lambda v, x: channel_weights(half, v, x, classes, train=False))(variables, images)
    of_single, _ = quick(lambda v, x: channel_weights(single, v, x, classes, train=False))(variables, images)
    assert {leaf.dtype for leaf in jax.tree.leaves((of_half, outputs.stages, outputs.maps))} == {jnp.dtype("float32")}
    for found, wanted in zip(of_half, of_single, strict=True):
        np.testing.assert_allclose(found, wanted, atol=0.05 * np.abs(wanted).max())


def test_by_default_the_class_is_the_likeliest(seen):
    _, network, variables, images = seen
    weights, outputs = quick(lambda v, x: channel_weights(network, v, x, train=False))(variables, images)
    classes = outputs.logits.argmax(-1)
    given, _ = quick(lambda v, x: channel_weights(network, v, x, classes, train=False))(variables, images)
    for found, wanted in zip(weights, given, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-8)


def test_grad_cam_is_pytorchs():
    torch = pytest.importorskip("torch", reason="torch, the oracle, is a test dependency on Python 3.11 only")
    from torch_to_jax import scramble, variables_of

    from akd_jax.torch_networks import ResNet as Torchs

    module = scramble(Torchs((1, 1), (4, 8), 5, names="cifar"), torch.Generator().manual_seed(0)).double()
    network, _ = NETWORKS["resnet"]
    images = np.random.default_rng(0).normal(size=(3, 8, 8, 3))
    classes, stages = [0, 3, 4], []
    for layer in (module.layer1, module.layer2):
        layer.register_forward_hook(lambda _, __, given: (given.retain_grad(), stages.append(given))[0])
    logits = module.train()(torch.tensor(images.transpose(0, 3, 1, 2)))
    logits[range(3), classes].sum().backward()
    with jax.enable_x64(True):
        variables = variables_of(module, network, jnp.asarray(images), jnp.float64)
        weigh = quick(lambda v, x: channel_weights(network, v, x, jnp.array(classes), train=True))
        weights, outputs = weigh(variables, jnp.asarray(images))
        found = weighted_maps(outputs.stages, weights)
        for stage in stages:
            weight = stage.grad.mean((2, 3), keepdim=True)
            wanted = (weight * stage).sum(1).detach().numpy()
            np.testing.assert_allclose(found[wanted.shape[1:]], wanted, rtol=1e-8, atol=1e-10)
