"""Files that PyTorch reads, written without it."""

import io

import numpy as np
import pytest

from akd_jax.convert.reader import read_checkpoint
from akd_jax.export.torch_file import encode

ARRAYS = {
    "conv.weight": np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32),
    "half": np.arange(6, dtype=np.float16).reshape(2, 3),
    "double": np.linspace(0, 1, 7),
    "bn.num_batches_tracked": np.array(5),
    "näme": np.zeros((0, 3), np.float32),
    "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
}


def same(found, wanted):
    assert list(found) == list(wanted)
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name], strict=True)


def test_our_reader_reads_it(tmp_path):
    (tmp_path / "file.pth").write_bytes(encode(ARRAYS))
    same(read_checkpoint(tmp_path / "file.pth"), ARRAYS)


def test_pytorch_reads_it():
    torch = pytest.importorskip("torch")
    found = torch.load(io.BytesIO(encode(ARRAYS)), weights_only=True)
    assert type(found).__name__ == "OrderedDict"
    same({name: value.numpy() for name, value in found.items()}, ARRAYS)
    again = io.BytesIO()
    torch.save(found, again)  # the tensors are whole
    again.seek(0)
    same({name: value.numpy() for name, value in torch.load(again).items()}, ARRAYS)


def test_the_same_arrays_are_the_same_bytes():
    assert encode(ARRAYS) == encode(dict(ARRAYS))


def test_other_types_are_refused():
    with pytest.raises(KeyError, match="bool"):
        encode({"mask": np.zeros(3, bool)})
