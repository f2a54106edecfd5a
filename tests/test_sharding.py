"""Where arrays lie; what needs several devices is in test_devices.py."""

import jax
import pytest
from jax.sharding import PartitionSpec

from akd_jax import sharding


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((), ()),
        ((3,), ()),
        ((0,), ()),
        ((8,), ("data",)),
        ((3, 3, 8, 16), (None, None, None, "data")),
        ((3, 3, 16, 16), (None, None, "data")),
        ((64, 18), ("data",)),
        ((5, 4), (None, "data")),
    ],
)
def test_the_largest_axis_that_divides_is_split(shape, wanted):
    assert sharding._along_the_largest(shape, 4) == PartitionSpec(*wanted)


def test_one_device_leaves_everything_as_it_is():
    placement = sharding.over(jax.devices()[:1], shard_optimizer=True)
    tree = {"a": object()}
    assert all(move(tree) is tree for move in (placement.split, placement.state, placement.everywhere, placement.local))
    assert placement.results(tree) is None
