"""Where arrays lie; what needs several devices is in test_devices.py."""

import jax

from akd_jax import sharding


def test_one_device_leaves_everything_as_it_is():
    placement = sharding.over(jax.devices()[:1])
    tree = {"a": object()}
    assert placement.split(tree) is tree and placement.everywhere(tree) is tree and placement.results is None
