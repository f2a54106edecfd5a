"""What the name of a split means."""

import re

import numpy as np
import pytest

from akd_jax.data.splits import select
from akd_jax.errors import InputError

SIZES = {"train": 1000, "test": 50}


def chosen(spec):
    return [(term.split, term.positions.tolist()) for term in select("data", spec, SIZES)]


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ("test", [("test", range(50))]),
        ("test[:20%]", [("test", range(10))]),
        ("test[90%:]", [("test", range(45, 50))]),
        ("test[-3:]", [("test", range(47, 50))]),
        ("test[7:9]", [("test", [7, 8])]),
        ("test[5%:9%]", [("test", [2, 3])]),  # 2.5 and 4.5 rounded to even, as tensorflow-datasets does
        ("train[999:]+test[:1]", [("train", [999]), ("test", [0])]),
        ("test + test[:1]", [("test", range(50)), ("test", [0])]),
        ("all", [("train", range(1000)), ("test", range(50))]),
    ],
)
def test_slices(spec, wanted):
    assert chosen(spec) == [(split, list(positions)) for split, positions in wanted]


@pytest.mark.parametrize(("spec", "count"), [("seed:20%", 10), ("seed:29%", 14), ("seed:12.5%", 6), ("seed:100%", 50)])
def test_the_seeds_subset(spec, count):
    (term,) = select("data", spec, SIZES)
    wanted = np.random.default_rng(42).choice(range(50), count, replace=False)
    assert term.split == "test" and term.official
    np.testing.assert_array_equal(term.positions, wanted)
    assert len(set(wanted.tolist())) == count


@pytest.mark.parametrize("spec", ["tset", "tset[:5]", "test+tset", "", "test+"])
def test_unknown_splits(spec):
    with pytest.raises(InputError, match=r"data has no split '.*': give train, test, a slice such as .*, or seed:20%"):
        select("data", spec, SIZES)


@pytest.mark.parametrize(
    ("specs", "says"),
    [
        ("test[ test[20 test[:20%", "']' is missing"),
        ("test[1:2:3] test[::2]", "steps are not read"),
        ("test[] test[:] test[:x] test[5] test[5%] test[:1shard] test[1.5:] test[:1.2.3%]", "wanted [FROM:TO], each"),
        ("test[:200%] test[:51] test[-51:]", "reaches beyond its 50 images"),
        ("all[:5%]", "all is not sliced"),
    ],
)
def test_malformed_slices(specs, says):
    for spec in specs.split():
        with pytest.raises(
            InputError, match=f"split {re.escape(repr(spec))} of data: {re.escape(says)}.*; give a slice"
        ):
            select("data", spec, SIZES)


@pytest.mark.parametrize("spec", ["seed:20", "seed:x%", "seed:-5%", "seed:150%", "seed:", "seed:20%[:5]"])
def test_malformed_seeds(spec):
    with pytest.raises(InputError, match=r"wanted seed:PERCENT% with 0 to 100, e\.g\. seed:20%"):
        select("data", spec, SIZES)


@pytest.mark.parametrize("spec", ["test", "seed:20%", "test[:5]", "train[:x]"])
def test_no_test_split(spec):
    """What is proposed names splits that are there."""
    with pytest.raises(InputError, match=r"give .*train\[:5%\]\+train\[90%:\]$") as caught:
        select("data", spec, {"train": 1000})
    assert "test[" not in str(caught.value).partition("give ")[2]


@pytest.mark.parametrize("spec", ["test[50:]", "test[20:10]", "test[:0]", "test[:0.1%]", "seed:1%", "train+test[:0]"])
def test_empty_slices(spec):
    with pytest.raises(InputError, match="a part without images"):
        select("data", spec, SIZES)
