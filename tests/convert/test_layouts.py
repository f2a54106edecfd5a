"""PyTorch's names and arrays to ours, and back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from akd_jax.convert import layouts
from akd_jax.convert.architecture import variable_shapes
from akd_jax.convert.layouts import layouts_of, nearest_layout, to_state_dict, to_variables, torch_shapes
from akd_jax.convert.unpickle import CheckpointError
from akd_jax.errors import InputError
from akd_jax.models import GENERATORS, MODELS
from akd_jax.types import Variables


def shapes(name):
    """The shapes of a network's arrays."""
    if name in GENERATORS:
        return jax.eval_shape(GENERATORS[name].network(16, 3, 4).init, jax.random.key(0), jnp.zeros((1, 8)))
    return variable_shapes(name, 10, 3)


def example(name="resnet18_8x_w8", layout="torchvision"):
    """(shapes of a network, a state dict for it with different numbers everywhere)."""
    random = np.random.default_rng(0)
    wanted = torch_shapes(shapes(name), layout)
    return shapes(name), {key: random.uniform(0.5, 1, shape).astype(np.float32) for key, shape in wanted.items()}


def same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_array_equal(value, theirs[name], strict=True)


@pytest.mark.parametrize(
    ("name", "layout"), [(name, layout) for name in (*MODELS, *GENERATORS) for layout in layouts_of(shapes(name))]
)
def test_there_and_back_is_bitwise(name, layout):
    expected, state_dict = example(name, layout)
    assert len(state_dict) == len(jax.tree.leaves(expected))  # every array has a name of its own
    assert nearest_layout(state_dict, expected) == layout
    variables = to_variables(state_dict, expected, layout)
    assert jax.tree.map(jnp.shape, variables) == jax.tree.map(jnp.shape, expected)
    back = to_state_dict(variables, layout)
    same(back, state_dict)
    assert all(value.flags.c_contiguous for value in back.values())


def test_layouts_differ_in_names_alone():
    expected, state_dict = example()
    variables = to_variables(state_dict, expected, "torchvision")
    for layout in layouts_of(expected):
        other = to_variables(to_state_dict(variables, layout), expected, layout)
        assert jax.tree.all(jax.tree.map(np.array_equal, variables, other))


# By hand, of what the repositories' networks say themselves.
NAMES = {
    ("resnet18_8x", "torchvision"): {
        "conv1.weight": (64, 3, 3, 3),
        "bn1.running_var": (64,),
        "layer1.0.bn2.bias": (64,),
        "layer2.0.downsample.0.weight": (128, 64, 1, 1),
        "layer2.0.downsample.1.running_mean": (128,),
        "layer4.1.conv2.weight": (512, 512, 3, 3),
        "fc.weight": (10, 512),
    },
    ("resnet18_8x", "cifar"): {
        "conv1.weight": (64, 3, 3, 3),
        "layer2.0.shortcut.0.weight": (128, 64, 1, 1),
        "layer2.0.shortcut.1.running_mean": (128,),
        "linear.bias": (10,),
    },
    ("resnet18_8x", "weiaicunzai"): {
        "conv1.0.weight": (64, 3, 3, 3),
        "conv1.1.running_var": (64,),
        "conv2_x.0.residual_function.0.weight": (64, 64, 3, 3),
        "conv3_x.0.residual_function.1.weight": (128,),
        "conv3_x.1.residual_function.3.weight": (128, 128, 3, 3),
        "conv5_x.1.residual_function.4.bias": (512,),
        "conv4_x.0.shortcut.0.weight": (256, 128, 1, 1),
        "conv4_x.0.shortcut.1.weight": (256,),
        "fc.weight": (10, 512),
    },
    ("resnet20", "cifar"): {"layer3.2.conv2.weight": (64, 64, 3, 3), "linear.weight": (10, 64)},
    ("wrn16_2", "repdistiller"): {
        "block1.layer.0.convShortcut.weight": (32, 16, 1, 1),
        "block3.layer.1.bn2.running_mean": (128,),
        "bn1.weight": (128,),
        "fc.bias": (10,),
    },
    ("vgg11_bn", "repdistiller"): {
        "block0.0.weight": (64, 3, 3, 3),
        "block2.4.running_mean": (256,),
        "classifier.weight": (10, 512),
    },
    ("vgg11", "repdistiller"): {
        "block0.0.bias": (64,),
        "block2.2.weight": (256, 256, 3, 3),
        "classifier.weight": (10, 512),
    },
    ("generator_a", "dfad"): {
        "l1.0.weight": (128, 8),
        "conv_blocks0.0.running_var": (8,),
        "conv_blocks2.3.weight": (3, 4, 3, 3),
        "conv_blocks2.5.running_mean": (3,),
    },
}


@pytest.mark.parametrize(("name", "layout"), NAMES)
def test_names_by_hand(name, layout):
    assert NAMES[name, layout].items() <= torch_shapes(shapes(name), layout).items()


def test_a_layout_of_other_networks():
    assert layouts_of(shapes("wrn16_1")) == layouts_of(shapes("vgg11_bn")) == ("repdistiller",)
    with pytest.raises(InputError, match="no names in layout 'cifar': give repdistiller"):
        torch_shapes(shapes("wrn16_1"), "cifar")


def test_an_unknown_network_keeps_its_names():
    unknown = Variables({"body": {"scale": np.ones(2)}, "head_0": {"kernel": np.ones((2, 3))}}, {})
    state_dict = to_state_dict(unknown, "torchvision")
    assert {name: value.shape for name, value in state_dict.items()} == {"body.weight": (2,), "head.0.weight": (3, 2)}
    assert to_variables(state_dict, unknown, "torchvision").batch_stats == {}


def test_all_problems_in_one_message():
    expected, state_dict = example()
    del state_dict["layer1.0.conv1.weight"]
    state_dict["layer9.weight"] = np.ones((2, 3), np.float32)
    state_dict["fc.weight"] = np.ones((5, 64), np.float32)
    state_dict["bn1.bias"][0] = np.nan
    state_dict["bn1.weight"] = np.ones(8, int)
    state_dict["layer1.1.bn1.running_var"][0] = -1
    with pytest.raises(CheckpointError) as caught:
        to_variables(state_dict, expected, "torchvision")
    assert str(caught.value) == (
        "does not fit the network: 1 missing: layer1.0.conv1.weight [8, 8, 3, 3]; 1 unexpected: layer9.weight [2, 3]; "
        "1 of another shape: fc.weight is [5, 64] instead of [10, 64]; 1 not of floating numbers: bn1.weight (int64); "
        "1 not finite: bn1.bias; 1 variances not above 0: layer1.1.bn1.running_var"
    )


def test_a_name_of_two_layouts_is_unexpected():
    expected, state_dict = example()
    state_dict["linear.bias"] = state_dict["fc.bias"]
    with pytest.raises(CheckpointError, match=r"1 unexpected: linear\.bias \[10\]$"):
        to_variables(state_dict, expected, "torchvision")


def test_in_words():
    assert layouts.in_words({"kept": [], "lost": list("abcd")}, 2) == "4 lost: a, b and 2 more"
    assert layouts.in_words({"lost": list("ab"), "found": ["c"]}, 2) == "2 lost: a, b; 1 found: c"


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_other_precisions_become_single(dtype):
    expected = Variables({"bn1": {"bias": jnp.zeros(1)}}, {"bn1": {"mean": jnp.zeros(1)}})
    state_dict = {"bn1.bias": np.array([1 / 3], dtype), "bn1.running_mean": np.array([0.1], dtype)}
    variables = to_variables(state_dict, expected, "torchvision")
    np.testing.assert_array_equal(variables.params["bn1"]["bias"], np.float32(state_dict["bn1.bias"]), strict=True)


def test_too_large_for_single():
    expected = Variables({"bn1": {"bias": jnp.zeros(1)}}, {})
    with pytest.raises(CheckpointError, match="1 not finite: bn1"):
        to_variables({"bn1.bias": np.array([1e300])}, expected, "torchvision")
