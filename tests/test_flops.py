"""Operations counted by hand."""

import jax
import jax.numpy as jnp
from jax import lax

from akd_jax.flops import count_flops
from akd_jax.models import MODELS
from akd_jax.models.convolution import convolution

X, W = jnp.ones((2, 8, 8, 3)), jnp.ones((3, 3, 3, 5))


def loss(x, w):
    return (convolution(x, w, 2, 1) ** 2).sum()


FORWARD = 2 * (2 * 4 * 4 * 5) * (3 * 3 * 3)


def test_matrix_product():
    assert count_flops(jnp.matmul, jnp.ones((2, 3)), jnp.ones((3, 4))) == 2 * 2 * 3 * 4


def test_convolution_and_both_its_gradients():
    assert count_flops(loss, X, W) == FORWARD
    assert count_flops(jax.grad(loss, (0, 1)), X, W) == 3 * FORWARD


def test_a_gradient_that_nobody_reads_is_free():
    assert count_flops(jax.grad(loss), X, W) == 2 * FORWARD


def test_a_choice_counts_as_the_mean_of_what_may_be_chosen():
    branches = [lambda x, w: 0.0, loss]
    assert count_flops(lambda i, x, w: lax.switch(i, branches, x, w), jnp.int32(1), X, W) == FORWARD // 2


def test_a_choice_by_platform_counts_as_the_leanest():
    def chosen(x, w):
        return lax.platform_dependent(x, w, cpu=loss, default=lambda x, w: loss(x, w) + loss(x, 2 * w))

    assert count_flops(chosen, X, W) == FORWARD


def test_a_loop_counts_every_turn():
    def looped(x, w):
        return lax.scan(lambda total, _: (total + loss(x, w), None), 0.0, None, length=7)[0]

    assert count_flops(looped, X, W) == 7 * FORWARD


def test_resnet34_at_32_pixels():
    """2.319 GFLOP an image by a count of its layers on paper (all but the stem and 1x1 shortcuts are 3x3)."""
    network = MODELS["resnet34_8x"].network(100)
    images = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
    variables = jax.eval_shape(network.init, jax.random.key(0), images)
    flops = count_flops(lambda v, x: network.apply(v, x, train=False)[0].logits, variables, images)
    assert abs(flops / 1e9 - 2.319) < 0.001
