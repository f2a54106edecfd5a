"""The convolution's gradients: exact on every platform, and in the fast layout where XLA:CPU needs it."""

import jax
import jax.numpy as jnp
import pytest
from hlo import CANONICAL, convolution_labels
from jax import export, lax

from akd_jax.models.convolution import convolution

CASES = [  # size of the image, of the kernel, stride, padding
    (8, 3, 1, 1),
    (8, 3, 2, 1),
    (9, 3, 2, 1),
    (8, 1, 2, 0),
    (9, 1, 2, 0),
    (14, 7, 2, 3),
    (15, 7, 2, 3),
    (8, 1, 1, 1),
    (8, 1, 2, 1),
    (8, 2, 3, 0),
    # Images smaller than the kernel, and a gradient that is.
    (2, 3, 1, 1),
    (2, 3, 2, 1),
    (1, 3, 1, 1),
    (4, 3, 2, 1),
    (3, 3, 2, 1),
]
CHANNELS = [(3, 4), (2, 9), (9, 2), (2, 2)]  # of inputs and outputs: each form of the gradients is somebody's


def plain(inputs, kernel, stride, padding):
    numbers = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(inputs, kernel, (stride,) * 2, [(padding,) * 2] * 2, dimension_numbers=numbers)


def gradients(function, inputs, kernel, stride, padding):
    def weighed(x, w):
        outputs = function(x, w, stride, padding).ravel()
        return (outputs * jnp.sin(jnp.arange(outputs.size, dtype=inputs.dtype))).sum()

    return jax.jit(jax.grad(weighed, (0, 1)))(inputs, kernel)  # one program, where each operation would be one


@pytest.mark.parametrize(("size", "kernel_size", "stride", "padding"), CASES)
def test_outputs_equal_a_plain_convolution(size, kernel_size, stride, padding):
    inputs = jax.random.normal(jax.random.key(0), (2, size, size, 3))
    kernel = jax.random.normal(jax.random.key(1), (kernel_size, kernel_size, 3, 4))
    own, wanted = (function(inputs, kernel, stride, padding) for function in (convolution, plain))
    assert own.shape == wanted.shape
    assert jnp.abs(own - wanted).max() <= 1e-5 * jnp.abs(wanted).max()


@pytest.mark.parametrize(("channels", "features"), CHANNELS)
@pytest.mark.parametrize(("size", "kernel_size", "stride", "padding"), CASES)
def test_gradients_equal_autodiff(size, kernel_size, stride, padding, channels, features):
    with jax.enable_x64(True):
        inputs = jax.random.normal(jax.random.key(0), (2, size, size, channels), jnp.float64)
        kernel = jax.random.normal(jax.random.key(1), (kernel_size, kernel_size, channels, features), jnp.float64)
        ours = gradients(convolution, inputs, kernel, stride, padding)
        theirs = gradients(plain, inputs, kernel, stride, padding)
        for own, wanted in zip(ours, theirs, strict=True):
            assert jnp.abs(own - wanted).max() <= 1e-13 * jnp.abs(wanted).max()


def test_rectangular_images():
    inputs, kernel = jnp.ones((1, 6, 9, 2)), jnp.ones((3, 3, 2, 2))
    ours, theirs = (gradients(function, inputs, kernel, 2, 1) for function in (convolution, plain))
    assert all(jnp.allclose(own, wanted, rtol=1e-5) for own, wanted in zip(ours, theirs, strict=True))


def training_loop(function, stride, padding):
    def loop(inputs, kernel):
        def body(both, _):
            gradients = jax.grad(lambda x, w: (function(x, w, stride, padding) ** 2).sum(), (0, 1))(*both)
            return jax.tree.map(jnp.subtract, both, gradients), None

        return lax.scan(body, (inputs, kernel), None, length=2)[0]

    return loop


@pytest.mark.parametrize(
    ("channels", "features"), [*CHANNELS[1:3], *(pytest.param(*each, marks=pytest.mark.slow) for each in CHANNELS[::3])]
)
@pytest.mark.parametrize(("size", "kernel_size", "stride", "padding"), CASES)
def test_compiled_loop_has_only_canonical_convolutions(size, kernel_size, stride, padding, channels, features):
    arguments = jnp.ones((2, size, size, channels)), jnp.ones((kernel_size, kernel_size, channels, features))
    program = jax.jit(training_loop(convolution, stride, padding)).lower(*arguments).compile()
    assert convolution_labels(program) <= CANONICAL


@pytest.mark.parametrize(
    ("size", "kernel_size", "stride", "channels", "features"), [(4, 3, 1, 512, 512), (224, 7, 2, 3, 64)]
)
def test_the_networks_hardest_layers_are_canonical_too(size, kernel_size, stride, channels, features):
    """The last stage's, of small images and large kernels, and the stem's of a network for large images."""
    arguments = jnp.ones((8, size, size, channels)), jnp.ones((kernel_size, kernel_size, channels, features))
    program = jax.jit(training_loop(convolution, stride, (kernel_size - 1) // 2)).lower(*arguments).compile()
    assert convolution_labels(program) == CANONICAL


@pytest.mark.parametrize(("size", "kernel_size", "stride", "padding"), [(8, 3, 1, 1), (8, 3, 2, 1), (8, 1, 2, 0)])
def test_gradients_of_a_program_for_any_batch(size, kernel_size, stride, padding):
    inputs = jax.random.normal(jax.random.key(0), (3, size, size, 4))
    kernel = jax.random.normal(jax.random.key(1), (kernel_size, kernel_size, 4, 4))

    def both(inputs, kernel):
        return jax.grad(lambda x, w: (convolution(x, w, stride, padding) ** 2).sum(), (0, 1))(inputs, kernel)

    (any_batch,) = export.symbolic_shape("batch")
    shape = jax.ShapeDtypeStruct((any_batch, *inputs.shape[1:]), inputs.dtype)
    program = export.export(jax.jit(both), platforms=["cpu"])(shape, jax.eval_shape(lambda: kernel))
    for own, wanted in zip(program.call(inputs, kernel), both(inputs, kernel), strict=True):
        assert jnp.allclose(own, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("stride", [1, 2])
def test_the_gradient_of_bfloat16_inputs_is_added_up_in_float32(stride):
    """Nothing is rounded but what comes out; 9 taps added up in bfloat16 would be rounded 8 times more."""
    inputs = jax.random.normal(jax.random.key(0), (1, 4, 4, 64), jnp.bfloat16)
    kernel = jax.random.normal(jax.random.key(1), (3, 3, 64, 64), jnp.bfloat16)
    wide = [each.astype(jnp.float32) for each in (inputs, kernel)]

    def dx(inputs, kernel):
        outputs, back = jax.vjp(lambda x: convolution(x, kernel, stride, 1), inputs)
        return back(jnp.ones_like(outputs))[0]

    own, wanted = dx(inputs, kernel), dx(*wide)
    assert own.dtype == jnp.bfloat16
    assert (jnp.abs(own - wanted) <= 2**-8 * jnp.abs(wanted) + 1e-5).all()


def test_the_check_sees_what_autodiff_writes():
    """Else the test above could not fail."""
    arguments = jnp.ones((2, 8, 8, 3)), jnp.ones((3, 3, 3, 4))
    program = jax.jit(training_loop(plain, 1, 1)).lower(*arguments).compile()
    assert convolution_labels(program) - CANONICAL


def test_other_platforms_get_autodiff():
    """The program for a GPU is chosen by the platform lowered for, not by the machine at hand."""
    arguments = jnp.ones((2, 8, 8, 3)), jnp.ones((3, 3, 3, 4))
    ours, theirs = (
        export.export(jax.jit(training_loop(function, 1, 1)), platforms=["cuda"])(*arguments).mlir_module()
        for function in (convolution, plain)
    )
    assert ours.count("stablehlo.convolution") == theirs.count("stablehlo.convolution")
    assert "[f, 0, 1, b]" in ours  # the kernel's gradient as autodiff lays it out
    on_cpu = export.export(jax.jit(training_loop(convolution, 1, 1)), platforms=["cpu"])(*arguments).mlir_module()
    assert "[f, 0, 1, b]" not in on_cpu
