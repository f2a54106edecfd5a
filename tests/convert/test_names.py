"""PyTorch's names and layouts to ours, and back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from akd_jax.convert.names import find_state_dict, to_variables, torch_name
from akd_jax.convert.unpickle import CheckpointError, Inert
from akd_jax.models import MODELS
from akd_jax.types import Variables

WEIGHTS = {"conv1.weight": np.ones((2, 1, 3, 3)), "fc.bias": np.arange(2.0)}


def assert_same(found):
    assert found.keys() == WEIGHTS.keys()
    assert all(found[name] is WEIGHTS[name] for name in WEIGHTS)


@pytest.mark.parametrize("wrapper", ["state_dict", "model_state_dict", "net", "model"])
def test_wrapped(wrapper):
    assert_same(find_state_dict({"epoch": 3, wrapper: WEIGHTS, "optimizer": {"lr": np.ones(1)}}))


def test_at_the_root_or_under_a_key():
    assert_same(find_state_dict(WEIGHTS))
    assert_same(find_state_dict({"ema": WEIGHTS, "state_dict": {"x.weight": np.ones(1)}}, "ema"))
    with pytest.raises(CheckpointError, match="no state dict under 'emma'; it has ema"):
        find_state_dict({"ema": WEIGHTS}, "emma")


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "model.", "net.", "module._orig_mod.", "_orig_mod.module."]
)
def test_prefixes(prefix):
    assert_same(find_state_dict({"state_dict": {prefix + name: value for name, value in WEIGHTS.items()}}))


def test_a_prefix_that_not_all_have_is_a_name():
    names = {"module.conv1.weight", "fc.bias"}
    assert find_state_dict(dict.fromkeys(names, WEIGHTS["fc.bias"])).keys() == names


def test_bookkeeping_is_dropped():
    assert_same(find_state_dict(WEIGHTS | {"bn1.num_batches_tracked": np.array(5), "epoch": 3, 7: np.ones(1)}))


@pytest.mark.parametrize("content", [[], 3, {}, {"epoch": 3}, {0: np.ones(1)}, Inert("some.Class")])
def test_no_weights(content):
    with pytest.raises(CheckpointError):
        find_state_dict(content)


def example(name="resnet18_8x_w8"):
    """(Variables of shapes alone, a state dict for it with different numbers everywhere)."""
    images = jax.ShapeDtypeStruct((1, 16, 16, 3), jnp.float32)
    expected = jax.eval_shape(MODELS[name].network(10).init, jax.random.key(0), images)
    generator = np.random.default_rng(0)
    state_dict = {}
    for path, leaf in flatten_dict({"params": expected.params, "batch_stats": expected.batch_stats}).items():
        order = {4: (3, 2, 0, 1), 2: (1, 0)}.get(leaf.ndim, range(leaf.ndim))
        shape = [leaf.shape[axis] for axis in order]
        state_dict[torch_name(path)] = generator.uniform(0.5, 1, shape).astype(np.float32)
    return expected, state_dict


@pytest.mark.parametrize(
    "name", ["resnet34", "resnet18_8x_w8", "resnet20", "resnet20_b", "wrn16_1", "wrn40_2", "vgg11_bn"]
)
def test_every_leaf_has_its_own_name(name):
    expected, state_dict = example(name)
    assert len(state_dict) == len(jax.tree.leaves(expected))
    variables = to_variables(state_dict, expected)
    assert jax.tree.map(jnp.shape, variables) == jax.tree.map(jnp.shape, expected)
    for path, leaf in flatten_dict({"params": variables.params, "batch_stats": variables.batch_stats}).items():
        order = {4: (3, 2, 0, 1), 2: (1, 0)}.get(leaf.ndim, range(leaf.ndim))
        np.testing.assert_array_equal(leaf.transpose(order), state_dict[torch_name(path)], strict=True)


def test_names_by_hand():
    _, state_dict = example()
    for name in (
        "conv1.weight",
        "bn1.running_var",
        "layer1.0.bn2.bias",
        "layer2.0.downsample.0.weight",
        "layer2.0.downsample.1.running_mean",
        "layer4.1.conv2.weight",
        "fc.bias",
    ):
        assert name in state_dict
    assert state_dict["layer2.0.conv1.weight"].shape == (16, 8, 3, 3)


def test_synonyms():
    expected, state_dict = example()
    other = {name.replace("downsample.", "shortcut.").replace("fc.", "linear."): v for name, v in state_dict.items()}
    assert len(other.keys() - state_dict.keys()) > 2
    one, two = to_variables(state_dict, expected), to_variables(other, expected)
    assert all(np.array_equal(a, b) for a, b in zip(*map(jax.tree.leaves, (one, two)), strict=True))


def test_all_problems_in_one_message():
    expected, state_dict = example()
    del state_dict["layer1.0.conv1.weight"]
    state_dict["layer9.weight"] = np.ones((2, 3))
    state_dict["fc.weight"] = np.ones((5, 64))
    state_dict["bn1.bias"][0] = np.nan
    state_dict["layer1.1.bn1.running_var"][0] = -1
    with pytest.raises(CheckpointError) as caught:
        to_variables(state_dict, expected)
    message = str(caught.value)
    assert "\n" not in message
    for says in (
        "missing: layer1.0.conv1.weight",
        "unexpected: layer9.weight [2, 3]",
        "fc.weight is [64, 5], wanted [64, 10]",
        "bn1.bias",
        "layer1.1.bn1.running_var",
    ):
        assert says in message
    assert "layer2" not in message  # nothing that fits is named


def test_double_precision_becomes_single():
    expected = Variables({"bn1": {"bias": jnp.zeros(1)}}, {"bn1": {"mean": jnp.zeros(1)}})
    variables = to_variables({"bn1.bias": np.array([1 / 3]), "bn1.running_mean": np.array([0.1])}, expected)
    np.testing.assert_array_equal(variables.params["bn1"]["bias"], np.float32([1 / 3]), strict=True)
