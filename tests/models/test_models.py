"""The table of networks: sizes, the outputs' parts, precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from akd_jax.models import GENERATORS, MODELS, make_classifier, parameter_count
from akd_jax.models.network import on_pixels, resize_inputs
from akd_jax.types import Network

SEED_SIZES = {
    "resnet34": 21_335_972,
    "resnet34_8x": 21_328_292,
    "resnet18_8x": 11_220_132,
    "resnet18_8x_small": 2_820_740,
}
HE_SIZES = {
    "resnet8": 75_290,
    "resnet14": 172_506,
    "resnet20": 269_722,
    "resnet32": 464_154,
    "resnet44": 658_586,
    "resnet56": 853_018,
    "resnet110": 1_727_962,
}
IMAGES = jax.ShapeDtypeStruct((2, 32, 32, 3), jnp.float32)


def abstract(network, inputs=IMAGES):
    return jax.eval_shape(network.init, jax.random.key(0), inputs)


@pytest.mark.parametrize(("name", "size"), SEED_SIZES.items())
def test_sizes_of_the_seed(name, size):
    assert parameter_count(abstract(MODELS[name].network(100))) == size


@pytest.mark.parametrize(("name", "size"), HE_SIZES.items())
def test_sizes_of_he_et_al(name, size):
    assert parameter_count(abstract(MODELS[name].network(10))) == size
    # Shortcut B adds two 1x1 convolutions and their batch norms: 16 to 32 and 32 to 64 channels.
    extra = 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64
    assert parameter_count(abstract(MODELS[f"{name}_b"].network(10))) == size + extra


@pytest.mark.parametrize(("latents", "size"), [(100, 1_051_139), (256, 2_329_091)])
def test_sizes_of_the_generator(latents, size):
    network = GENERATORS["generator_a"].network(32, 3, 64)
    assert parameter_count(abstract(network, jax.ShapeDtypeStruct((2, latents), jnp.float32))) == size


DEEP = tuple(name for name, model in MODELS.items() if sum(blocks for blocks, _ in model.stages) > 16)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in DEEP else name for name in MODELS]
)
def test_outputs(name):
    network = make_classifier(name, 7, image_size=32)
    outputs, batch_stats = jax.eval_shape(lambda v, x: network.apply(v, x, train=True), abstract(network), IMAGES)
    assert outputs.logits.shape == (2, 7)
    assert outputs.features.shape[0] == 2
    shapes = [jax.tree.map(jnp.shape, tree) for tree in (outputs.batch_norm_inputs, batch_stats)]
    assert shapes[0] == shapes[1]
    assert len(jax.tree.leaves(batch_stats)) > 8 or (name in ("vgg11", "vgg16") and not batch_stats)


def test_inference_leaves_the_statistics_as_they_are():
    network = make_classifier("resnet20", 10, image_size=32)
    variables = jax.jit(network.init)(jax.random.key(0), jnp.zeros((1, 32, 32, 3)))
    found = []
    jax.eval_shape(lambda x: found.append(network.apply(variables, x, train=False)[1]), IMAGES)
    assert found[0] is variables.batch_stats


def test_bfloat16_computes_in_bfloat16_and_keeps_float32():
    network = make_classifier("resnet20", 10, image_size=32, dtype=jnp.bfloat16)
    variables = abstract(network)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    outputs, batch_stats = jax.eval_shape(lambda v, x: network.apply(v, x, train=True), variables, IMAGES)
    assert {leaf.dtype for leaf in jax.tree.leaves((outputs, batch_stats))} == {jnp.dtype("float32")}
    program = jax.jit(lambda v, x: network.apply(v, x, train=True)).lower(variables, IMAGES).as_text()
    convolutions = [line for line in program.splitlines() if "stablehlo.convolution" in line]
    assert convolutions
    assert all("bf16" in line and "f32" not in line for line in convolutions)


def test_resize_keeps_the_corners_and_is_linear_between():
    seen = Network(init=None, apply=lambda variables, images, *, train: (images, ()))
    images = jnp.arange(4.0).reshape(1, 2, 2, 1)
    larger, _ = resize_inputs(seen, 3).apply(None, images, train=False)
    assert np.array_equal(larger[0, :, :, 0], [[0, 0.5, 1], [1, 1.5, 2], [2, 2.5, 3]])


def test_pixels_are_normalised_before_the_network():
    seen = on_pixels(Network(lambda key, x: x, lambda variables, x, *, train: (x, train)), [0.5, 0.25], [0.25, 0.5])
    pixels = jnp.array([[[[0, 0], [255, 255]]]], jnp.uint8)
    images, train = seen.apply((), pixels, train=True)
    assert images.tolist() == [[[[-2, -0.5], [2, 1.5]]]] and train
    assert (seen.init(None, pixels) == images).all()


def test_generated_images_have_mean_0_and_variance_1_in_training():
    network = GENERATORS["generator_a"].network(16, 3, 8)
    latents = jax.random.normal(jax.random.key(1), (32, 10))
    variables = network.init(jax.random.key(0), latents)
    images, _ = network.apply(variables, latents, train=True)
    assert images.shape == (32, 16, 16, 3)
    assert jnp.allclose(images.mean((0, 1, 2)), 0, atol=1e-4)
    assert jnp.allclose(images.var((0, 1, 2)), 1, atol=1e-2)


@pytest.mark.parametrize("name", ["resnet10_8x_w4", "resnet20", "vgg11_bn"])
def test_a_program_for_any_batch_gathers_nothing(name):
    """At 8x8 also the small convolutions of XLA:CPU are in it."""
    network = make_classifier(name, 10, image_size=8)
    (batch,) = jax.export.symbolic_shape("batch")
    images = jax.ShapeDtypeStruct((batch, 8, 8, 3), jnp.float32)
    program = jax.make_jaxpr(lambda v, x: network.apply(v, x, train=False)[0].logits)(abstract(network), images)
    assert " conv_general_dilated" in str(program) and " gather" not in str(program)
