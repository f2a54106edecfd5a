"""Files built by hand, without PyTorch: what is read of them, and what is refused in one line."""

import pickle
import random
import struct
import zipfile

import numpy as np
import pytest
from checkpoint_files import LEGACY_PICKLE, TENSOR, VALUES, ZIP_PICKLE, legacy, zipped

from akd_jax.convert.reader import CheckpointError, Inert, module_state_dict, read_checkpoint


@pytest.mark.parametrize("content", [zipped(), legacy()], ids=["zip", "legacy"])
def test_reads_a_file_built_by_hand(read, content):
    weights = read(content)
    assert list(weights) == ["w"]
    np.testing.assert_array_equal(weights["w"], VALUES.reshape(2, 3), strict=True)
    assert weights["w"].flags.c_contiguous and weights["w"].flags.writeable


def test_big_endian(read):
    content = zipped(data=VALUES.astype(">f4").tobytes(), byteorder=b"big")
    np.testing.assert_array_equal(read(content)["w"], VALUES.reshape(2, 3), strict=True)


def test_legacy_view_of_a_storage(read):
    view = b"(X\x01\x00\x00\x00vK\x02K\x04tt"  # four elements from element 2
    pickled = b"\x80\x02" + (TENSOR % view).replace(b"K\x02K\x03\x86K\x03K\x01", b"K\x02K\x02\x86K\x02K\x01") + b"."
    np.testing.assert_array_equal(read(legacy(pickled)), VALUES[2:].reshape(2, 2), strict=True)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (b"QK\x00", b"QK\x01", "past the end"),
        (b"K\x03K\x01\x86\x89", b"K\x04K\x01\x86\x89", "past the end"),
        (b"K\x03K\x01\x86\x89", b"J\xff\xff\xff\xffK\x01\x86\x89", "natural number"),
        (b"K\x03K\x01\x86\x89", b"K\x00K\x00K\x00\x87\x89", "disagree"),
        (
            b"K\x02K\x03\x86K\x03K\x01\x86",
            b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86K\x00K\x00\x86",
            "far more",
        ),
        (b"cpuK\x06", b"cpuJ\xff\xff\xff\x7f", "larger than the file"),
        (b"FloatStorage", b"DoubleStorage", ""),
        (b"FloatStorage", b"QInt8Storage", "type QInt8Storage"),
    ],
)
def test_views_that_lie(refused, before, after, says):
    assert before in ZIP_PICKLE
    refused(zipped(ZIP_PICKLE.replace(before, after)), says)
    refused(legacy(LEGACY_PICKLE.replace(before, after)), says)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\n  <html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"\x89PNG\r\n", "not a PyTorch file"),
        (pickle.dumps({"a": 1}), "not one of torch.save"),
        (zipped(**{"constants.pkl": b"", "code/__torch__.py": b""}), "state_dict"),
        (zipped(compression=zipfile.ZIP_DEFLATED), "compressed"),
        (zipped().replace(b"data.pkl", b"data.txt"), "no data.pkl"),
        (zipped(data=VALUES[:5].tobytes()), "size"),
        (zipped().replace(VALUES.tobytes(), VALUES[::-1].tobytes()), "CRC"),
        (zipped()[:-30], "cut short"),
        (zipped(byteorder=b"middle"), "damaged"),
        (legacy()[:-1], "cut short"),
        (legacy()[:60], "damaged"),
        (legacy(keys=()), "lacks the storage"),
        (legacy(keys=("1",)), "damaged"),
        (legacy(storage=struct.pack("<q", 5) + VALUES.tobytes()), "cut short"),
        (legacy().replace(b"M\xe9\x03", b"M\xea\x03"), "protocol version"),
    ],
)
def test_refusals(refused, content, says):
    refused(content, says)


def test_refused_paths(tmp_path):
    for path, says in (
        (tmp_path / "missing.pth", "no such file"),
        (tmp_path, "directory"),
        (f"{tmp_path}/\0", "no such file|damaged"),
        ("/dev/null", "regular"),
    ):
        with pytest.raises(CheckpointError, match=says):
            read_checkpoint(path)


@pytest.mark.parametrize("build", [zipped, legacy])
def test_random_damage(read, build):
    """A zip checks its members by CRC-32, so what still parses is right; a legacy file has no checksum."""
    whole, chance = build(), random.Random(0)
    for _ in range(200):
        damaged = bytearray(whole)
        if chance.random() < 0.3:
            del damaged[chance.randrange(len(damaged)) :]
        else:
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        try:
            weights = read(bytes(damaged))
        except CheckpointError:
            continue
        if build is zipped:
            np.testing.assert_array_equal(weights["w"], VALUES.reshape(2, 3), strict=True)


def test_a_module_that_contains_itself_ends():
    module = Inert("Net")
    module.state = {"_parameters": {}, "_modules": {"a": module, "b": module}}
    with pytest.raises(CheckpointError, match="contains itself"):
        module_state_dict(module)
    with pytest.raises(CheckpointError, match="not a pickled"):
        module_state_dict({})
