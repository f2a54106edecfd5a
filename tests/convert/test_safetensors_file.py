"""Reading .safetensors files: equality with the library's own readers, and refusals."""

import json
import struct

import numpy as np
import pytest
from safetensors.numpy import save

from akd_jax.convert.safetensors_file import MAX_HEADER_BYTES
from akd_jax.convert.unpickle import CheckpointError

VALUES = {
    "conv1.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "half": np.array([1.5, -0.0], np.float16),
    "count": np.array(7),
    "mask": np.array([True, False]),
    "none": np.zeros((0, 3)),
}


@pytest.fixture
def file_name():
    return "model.safetensors"


def file(header, data=b""):
    """header: text, or what JSON makes of it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_arrays(read):
    found = read(save(VALUES, metadata={"format": "np"}))
    assert found.keys() == VALUES.keys()
    for name, value in VALUES.items():
        np.testing.assert_array_equal(found[name], value, strict=True)


@pytest.mark.parametrize("length", [0x3C20, 0x4B50])
def test_a_header_whose_length_reads_as_something_else(read, length):
    """As " <", which begins a web page, and as "PK", which begins a zip archive."""
    text = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    found = read(file(text + b" " * (length - len(text)), np.float32(2.5).tobytes()))
    assert found["a"].tolist() == [2.5]


def test_bfloat16_is_widened(read, tmp_path):
    torch = pytest.importorskip("torch", reason="torch is a test dependency on Python 3.11 only")
    from safetensors.torch import save

    values = torch.tensor([[1.0, -2.5, torch.inf]]).to(torch.bfloat16)
    np.testing.assert_array_equal(read(save({"a": values}))["a"], values.float().numpy(), strict=True)
    with pytest.raises(CheckpointError, match="F8_E4M3"):
        read(save({"a": values.to(torch.float8_e4m3fn)}))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (save(VALUES)[:-1], "cut short or damaged"),
        (save(VALUES)[:40], "cut short or damaged"),
        (save(VALUES) + b"x", "damaged"),
        (struct.pack("<Q", 2**40) + b"{}", "cut short"),
        (file(b"{" + b" " * MAX_HEADER_BYTES + b"}"), "16 MiB"),
        (file(b"{not json}"), "damaged"),
        (file({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)), "damaged"),
        (file({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}, bytes(4)), "damaged"),
        (file({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, bytes(4)), "damaged"),
    ],
)
def test_refusals(read, content, says):
    with pytest.raises(CheckpointError, match=says) as caught:
        read(content)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
