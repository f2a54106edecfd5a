"""What is advised where a device has too little memory, of each method."""

import jax
import pytest
from stage import tiny

from akd_jax.errors import OutOfMemoryError
from akd_jax.training.memory import advising


@pytest.mark.parametrize(
    ("method", "says", "silent_of"),
    [
        ("akd", "a larger --config.accumulate than 1", "bank_capacity"),
        ("fast", "a smaller --config.fast.bank_capacity than 20", "accumulate"),
        ("nayer", "a smaller --config.nayer.bank_capacity than 25", "accumulate"),
    ],
)
def test_what_a_method_has_to_give_up(method, says, silent_of):
    with pytest.raises(OutOfMemoryError) as caught, advising(tiny({"method": method})):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: 2 GiB")
    assert says in str(caught.value) and silent_of not in str(caught.value)
