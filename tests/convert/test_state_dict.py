"""Where a checkpoint hides its state dict."""

import numpy as np
import pytest

from akd_jax.convert.state_dict import find_state_dict
from akd_jax.convert.unpickle import CheckpointError, Inert

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
