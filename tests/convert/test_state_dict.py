"""Where a checkpoint hides its state dict."""

import time

import numpy as np
import pytest

from akd_jax.convert.state_dict import find_state_dict
from akd_jax.convert.unpickle import CheckpointError, Inert

WEIGHTS = {"conv1.weight": np.ones((2, 1, 3, 3)), "fc.bias": np.arange(2.0)}
OPTIMIZER = {"state": {0: {"exp_avg": np.ones((2, 1, 3, 3))}}, "param_groups": [{"lr": 0.1}]}


def assert_same(found, key=""):
    assert found.key == key
    assert found.tensors.keys() == WEIGHTS.keys()
    assert all(found.tensors[name] is WEIGHTS[name] for name in WEIGHTS)


def module(weights):
    """A pickled nn.Module without children."""
    network = Inert("models.Net")
    network.state = {"_parameters": weights, "_buffers": {}, "_modules": {}}
    return network


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "net", "model", "ema", "teacher", "what.ever"])
def test_under_a_key(key):
    around = {"epoch": 3, "optimizer": OPTIMIZER, "criterion": {"weight": np.ones(10)}}
    assert_same(find_state_dict(around | {key: WEIGHTS}), key)
    assert_same(find_state_dict(around | {key: module(WEIGHTS)}), key)
    assert_same(find_state_dict({"checkpoint": around | {key: WEIGHTS}}), f"checkpoint.{key}")


def test_at_the_root():
    assert_same(find_state_dict(WEIGHTS))
    assert_same(find_state_dict(module(WEIGHTS)))


def test_a_dict_of_a_class_of_its_own():
    attributes = Inert("addict.Dict")
    attributes.mapping = {"model": WEIGHTS}
    assert_same(find_state_dict(attributes), "model")


def test_one_of_several():
    several = {"model": {"net": WEIGHTS, "ema": WEIGHTS}, "student": WEIGHTS}
    with pytest.raises(
        CheckpointError, match=r"holds 3 state dicts: pick one with --key model\.net or model\.ema or s"
    ):
        find_state_dict(several)
    for key in ("model.net", "model.ema", "student"):
        assert_same(find_state_dict(several, key), key)


def test_a_dict_under_one_that_has_weights_itself():
    assert_same(find_state_dict({"fc.weight": np.ones((2, 2)), "ema": WEIGHTS}, "ema"), "ema")


def test_a_module_that_cannot_be_flattened_beside_a_state_dict():
    odd = module({})
    odd.state["_modules"] = {"own": Inert("my.Custom")}
    assert_same(find_state_dict({"model": odd, "state_dict": WEIGHTS}), "state_dict")
    assert_same(find_state_dict({"model": odd, "state_dict": WEIGHTS}, "state_dict"), "state_dict")
    for content, key in ((odd, None), ({"model": odd}, "model")):
        with pytest.raises(CheckpointError, match=r"my\.Custom> is not a pickled nn\.Module"):
            find_state_dict(content, key)


@pytest.mark.parametrize(
    "change", [{"_parameters": 3}, {"_buffers": [1]}, {"_non_persistent_buffers_set": 7}, {"_parameters": None}]
)
def test_a_damaged_module(change):
    damaged = module(WEIGHTS)
    damaged.state |= change
    with pytest.raises(CheckpointError):
        find_state_dict(damaged)


@pytest.mark.parametrize("shared", [dict.fromkeys(map(str, range(5000)), 0), module({"w": np.ones(1)})])
def test_what_is_shared_many_times_takes_no_time(shared):
    """5,000 times 5,000 keys in a file of a few hundred kilobytes."""
    started = time.process_time()
    with pytest.raises(CheckpointError, match="over 300 dicts"):
        find_state_dict({str(number): shared for number in range(5000)})
    assert time.process_time() - started < 5


def test_a_key_that_is_not_there():
    with pytest.raises(CheckpointError, match=r"no state dict under 'emma'; it has ema$"):
        find_state_dict({"ema": WEIGHTS, "epoch": 3}, "emma")
    with pytest.raises(CheckpointError, match=r"'model'; it has conv1\.weight, fc.bias$"):
        find_state_dict(WEIGHTS, "model")
    with pytest.raises(CheckpointError, match="no tensors under 'args'; it has lr there"):
        find_state_dict({"ema": WEIGHTS, "args": {"lr": 0.1}}, "args")


@pytest.mark.parametrize(
    "prefix",
    ["module.", "_orig_mod.", "model.", "net.", "backbone.", "module._orig_mod.", "_orig_mod.module.model.backbone."],
)
def test_prefixes(prefix):
    assert_same(find_state_dict({prefix + name: value for name, value in WEIGHTS.items()}))


def test_a_prefix_that_not_all_have_is_a_name():
    weights = {"module.conv1.weight": WEIGHTS["conv1.weight"], "fc.bias": WEIGHTS["fc.bias"]}
    assert find_state_dict(weights).tensors.keys() == weights.keys()


def test_bookkeeping_is_dropped():
    assert_same(find_state_dict(WEIGHTS | {"bn1.num_batches_tracked": np.array(5), "epoch": 3, 7: np.ones(1)}))
    averaged = {f"module.{name}": value for name, value in WEIGHTS.items()}
    assert_same(find_state_dict({"n_averaged": np.array(9)} | averaged))  # torch.optim.swa_utils.AveragedModel


@pytest.mark.parametrize("content", [[], 3, {}, {"epoch": 3}, {0: np.ones((1, 1))}, Inert("some.Class")])
def test_no_weights(content):
    with pytest.raises(CheckpointError) as caught:
        find_state_dict(content)
    assert "\n" not in str(caught.value)


def test_a_long_list_is_cut():
    with pytest.raises(CheckpointError, match=r"it has 0, .*, 19 and 5 more; --key"):
        find_state_dict({str(number): number for number in range(25)})
