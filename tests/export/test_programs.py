"""Networks as programs for other runtimes: StableHLO and ONNX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_networks import NETWORKS, close, evaluated, scrambled

from akd_jax.errors import InputError
from akd_jax.export import onnx_translation, stablehlo
from akd_jax.models import GENERATORS, MODELS, make_classifier
from akd_jax.models.folding import fold_batch_norms

FLOAT32 = [name for name in NETWORKS if name != "bfloat16"]


def function_of(network, variables):
    def function(inputs):
        outputs = network.apply(variables, inputs, train=False)[0]
        return getattr(outputs, "logits", outputs)

    return function


def both_ways(network, shape):
    """Inputs, what the network makes of them, and functions that should: as it is, and with its batch norms folded."""
    inputs = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    variables = scrambled(network, inputs)
    folded, fold = fold_batch_norms(network, inputs)
    functions = [function_of(network, variables), function_of(folded, fold(variables))]
    return inputs, evaluated(network, variables, inputs), functions


def run_onnx(model, inputs):
    """With images channels last on both sides, as our networks have them."""
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (given,), (wanted,) = session.get_inputs(), session.get_outputs()
    assert (given.shape[0], wanted.shape[0]) == ("batch", "batch")
    (outputs,) = session.run(None, {given.name: inputs.transpose(0, 3, 1, 2) if inputs.ndim == 4 else inputs})
    return outputs.transpose(0, 2, 3, 1) if outputs.ndim == 4 else outputs


def to_onnx(function, inputs):
    pytest.importorskip("onnx")
    return onnx_translation.encode(function, inputs, names=("given", "wanted"), metadata={"mean": "[0.5]"})


def operators(model):
    import onnx

    return [node.op_type for node in onnx.load_from_string(model).graph.node]


@pytest.mark.parametrize("name", FLOAT32)
def test_onnx(name):
    network, shape, _ = NETWORKS[name]
    inputs, wanted, functions = both_ways(network, shape)
    for function in functions:
        model = to_onnx(function, inputs)
        found = run_onnx(model, inputs)
        assert found.dtype == np.float32 and close(found, wanted, 1e-5)
        np.testing.assert_array_equal(run_onnx(model, inputs[:1])[0], found[0])  # for any batch
    assert "Sub" not in operators(model) or name in ("wide resnet", "generator", "sigmoid generator")


def test_onnx_keeps_images_channels_first_throughout_and_biases_in_convolutions():
    network, shape, _ = NETWORKS["option A"]
    inputs, _, functions = both_ways(network, shape)
    found = operators(to_onnx(functions[1], inputs))
    assert "Transpose" not in found
    # Two additions a block, of the shortcut; the last linear layer's bias.
    assert (found.count("Conv"), found.count("Add")) == (7, 4)


def test_onnx_carries_metadata():
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(to_onnx(lambda x: x + 1, np.zeros((1, 3), np.float32)))
    assert {entry.key: entry.value for entry in model.metadata_props} == {"mean": "[0.5]"}


def test_onnx_has_no_rule_for_everything():
    with pytest.raises(InputError, match="'sin', which has no rule"):
        to_onnx(jnp.sin, np.zeros((1, 3), np.float32))


@pytest.mark.parametrize("name", ["option A", "vgg, whose convolutions have a bias", "wide resnet", "generator"])
def test_stablehlo(name):
    pytest.importorskip("flatbuffers")
    network, shape, _ = NETWORKS[name]
    inputs, wanted, (function, _) = both_ways(network, shape)
    data = stablehlo.encode(function, inputs)
    assert data == stablehlo.encode(function, inputs) and b".py" not in data  # no paths of whoever exports
    program = jax.export.deserialize(bytearray(data))
    assert program.platforms == ("cpu", "cuda", "tpu")
    assert str(program.in_avals[0].shape[0]) == "batch"
    assert close(np.asarray(program.call(inputs)), wanted, 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*MODELS, *GENERATORS])
def test_every_network_of_the_project(name):
    pytest.importorskip("flatbuffers")
    generates = name in GENERATORS
    network = GENERATORS[name].network(32, 3, 64) if generates else make_classifier(name, 10, image_size=32)
    inputs, wanted, functions = both_ways(network, (2, 100) if generates else (2, 32, 32, 3))
    for function in functions:
        assert close(run_onnx(to_onnx(function, inputs), inputs), wanted, 1e-5)
        program = jax.export.deserialize(bytearray(stablehlo.encode(function, inputs)))
        assert close(np.asarray(program.call(inputs)), wanted, 1e-5)
