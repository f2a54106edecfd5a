"""Where arrays lie; what needs several devices is in test_devices.py."""

import jax
import jax.numpy as jnp
import numpy as np

from akd_jax import sharding


def test_one_device_leaves_everything_as_it_is():
    placement = sharding.over(jax.devices()[:1])
    tree = {"a": object()}
    assert placement.split(tree) is tree and placement.everywhere(tree) is tree and placement.results is None


def test_what_is_here_is_what_is_on_the_device():
    tree = {"a": jnp.arange(3), "b": ()}
    np.testing.assert_array_equal(sharding.here(tree)["a"], tree["a"])
