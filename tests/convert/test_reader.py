"""Reading PyTorch checkpoints: equality with torch.load, refusals, hostile and damaged files.

Tests that take the fixture `torch` use PyTorch as the oracle; the others build their files by hand.
"""

import argparse
import collections
import io
import os
import pickle
import random
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from akd_jax.convert.reader import MAGIC_NUMBER, CheckpointError, Inert, module_state_dict, read_checkpoint
from akd_jax.convert.unpickle import MAX_OPERATIONS

WEIGHTS = Path(__file__).parents[3] / "shared" / "weights"
VALUES = np.arange(6, dtype="<f4")
STORAGE = struct.pack("<q", 6) + VALUES.tobytes()
TENSOR = (
    b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000"
    b"X\x03\x00\x00\x00cpuK\x06%sQK\x00K\x02K\x03\x86K\x03K\x01\x86\x89}tR"
)
ZIP_PICKLE = b"\x80\x02}X\x01\x00\x00\x00w" + TENSOR % b"t" + b"s."
LEGACY_PICKLE = b"\x80\x02}X\x01\x00\x00\x00w" + TENSOR % b"Nt" + b"s."
DEEP = b"\x80\x02})" + b"\x85" * 1_000_000 + b"Ns."


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="torch is the test oracle: pip install -e .[test] on Python 3.11")


def zipped(pickled=ZIP_PICKLE, data=None, compression=zipfile.ZIP_STORED, **members):
    """Bytes of a zip checkpoint. members: 'constants.pkl' and the like, added beside data.pkl."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        members = {"data.pkl": pickled, "byteorder": b"little"} | members
        for name, content in (members | {"data/0": VALUES.tobytes() if data is None else data}).items():
            archive.writestr(f"archive/{name}", content)
    return buffer.getvalue()


def legacy(pickled=LEGACY_PICKLE, storage=STORAGE, keys=("0",)):
    """Bytes of a legacy checkpoint."""
    head = [pickle.dumps(part, 2) for part in (MAGIC_NUMBER, 1001, {"little_endian": True})]
    return b"".join([*head, pickled, pickle.dumps(list(keys), 2), storage])


def raw(pickled):
    return pickled


@pytest.fixture
def read(tmp_path):
    def read(content):
        path = tmp_path / "model.pth"
        path.write_bytes(content)
        return read_checkpoint(path)

    return read


@pytest.fixture
def refused(read):
    def refused(content, says=""):
        with pytest.raises(CheckpointError) as caught:
            read(content)
        message = str(caught.value)
        assert says in message
        assert "\n" not in message
        assert len(message) < 400
        assert "weights_only" not in message and "trust" not in message
        return message

    return refused


# Without PyTorch.


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


class Thief:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("form", [zipped, legacy, raw])
@pytest.mark.parametrize("protocol", [2, 4])
def test_nothing_is_executed(refused, tmp_path, form, protocol):
    marker = tmp_path / "marker"
    for thief in (
        Thief(os.system, f"touch {marker}"),
        Thief(open, str(marker), "w"),
        Thief(eval, f"open({str(marker)!r}, 'w')"),
        Thief(getattr, 1, "real"),
        Thief(__import__, "antigravity"),
        Thief(pickle.loads, b"N."),
    ):
        assert refused(form(pickle.dumps({"w": thief}, protocol))).endswith("never needs: refused")
    assert not marker.exists()


@pytest.mark.parametrize(
    "name",
    "os.system posix.system nt.system subprocess.Popen sys.exit builtins.exec __builtin__.compile "
    "builtins.getattr runpy.run_path shutil.rmtree socket.socket importlib.import_module "
    "pickle.loads os.path.join".split(),
)
def test_refused_names(refused, name):
    module, _, attribute = name.rpartition(".")
    stacked = b"\x80\x04" + b"".join(b"\x8c" + bytes([len(t)]) + t.encode() for t in (module, attribute)) + b"\x93."
    for pickled in (f"\x80\x02c{module}\n{attribute}\n.".encode("latin1"), stacked):
        says = f"names {name}, which a checkpoint of weights never needs: refused"
        assert refused(zipped(pickled)).endswith(says)
        assert refused(legacy(pickled)).endswith(says)


@pytest.mark.parametrize(
    "pickled",
    {
        "inst": b"\x80\x02(ios\nsystem\n.",
        "obj": b"\x80\x02(cargparse\nNamespace\no.",
        "ext": b"\x80\x02\x82\x01.",
        "persid": b"\x80\x02Pkey\n.",
        "reduce of no name": b"\x80\x02K\x01)R.",
        "reduce without arguments": b"\x80\x02cos.path\njoin\nK\x01R.",
        "build on a class": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x01\x00\x00\x00aK\x01sb)R.",
        "deep tuple as a key": DEEP,
        "truncated bytes": b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b"x.",
        "truncated integer": b"\x80\x02\x8b\xff\xff\xff\x7f.",
        "truncated frame": b"\x80\x04\x95" + (2**62).to_bytes(8, "little"),
        "not unicode": b"\x80\x02X\x01\x00\x00\x00\xff.",
        "unmarked": b"\x80\x02t.",
        "underflow": b"\x80\x02\x86.",
        "unknown memo": b"\x80\x02h\x07.",
        "unhashable": b"\x80\x02}]Ns.",
        "empty": b"\x80\x02.",
        "no stop": b"\x80\x02N",
        "too many operations": b"\x80\x02" + b"N0" * MAX_OPERATIONS,
        "decode bomb": b"\x80\x02X\x00\x00\x10\x00" + b"a" * 2**20 + b"q\x00c_codecs\nencode\nq\x010"
        + b"h\x01h\x00X\x06\x00\x00\x00latin1\x86R" * 300 + b".",
    }.items(),
    ids=lambda item: item[0],
)  # fmt: skip
def test_hostile_pickles(refused, pickled):
    refused(zipped(pickled[1]))
    refused(legacy(pickled[1]))


def test_memo_index_costs_nothing(read):
    assert read(zipped(b"\x80\x02K\x07r\xff\xff\xff\x0f.")) == 7


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


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_python_objects(read, protocol):
    value = {
        "args": argparse.Namespace(lr=0.1, out=Path("runs")),
        "best": np.float64(91.5),
        "array": np.arange(3),
        "sets": [{1, 2}, frozenset({3}), (), (1,), b"\x00\xff", 2**40, -1.5, None, True],
        "counts": [collections.Counter("aab"), collections.defaultdict(list, {1: [2]})],
        "ordered": collections.OrderedDict(a=1),
    }
    for build in (zipped, legacy):
        extra = {"storage": b"", "keys": ()} if build is legacy else {}
        got = read(build(pickle.dumps(value, protocol), **extra))
        assert isinstance(got["args"], Inert) and got["args"].name == "argparse.Namespace"
        assert got["args"].state["lr"] == 0.1
        assert isinstance(got["best"], Inert) and isinstance(got["array"], Inert)
        assert got["sets"][0] == {1, 2} and got["sets"][2:] == value["sets"][2:]
        assert got["counts"] == [{"a": 2, "b": 1}, {1: [2]}]
        assert got["ordered"] == {"a": 1} and type(got["ordered"]) is dict


def test_a_module_that_contains_itself_ends():
    module = Inert("Net")
    module.state = {"_parameters": {}, "_modules": {"a": module, "b": module}}
    with pytest.raises(CheckpointError, match="contains itself"):
        module_state_dict(module)
    with pytest.raises(CheckpointError, match="not a pickled"):
        module_state_dict({})


# With PyTorch as the oracle.


def same(torch, got, want):
    """Assert that `got` is what torch.load gave as `want`, bit for bit."""
    if isinstance(want, torch.Tensor):
        want = want.detach()
        want = (want.float() if want.dtype == torch.bfloat16 else want).numpy()
        assert got.dtype == want.dtype and got.shape == want.shape and got.flags.c_contiguous
        assert got.tobytes() == np.ascontiguousarray(want).tobytes()
    elif isinstance(want, dict):
        assert list(got) == list(want)
        for key in want:
            same(torch, got[key], want[key])
    elif isinstance(want, list | tuple):
        assert type(got) is type(want) and len(got) == len(want)
        for one, other in zip(got, want, strict=True):
            same(torch, one, other)
    else:
        assert got == want


def tensors(torch):
    torch.manual_seed(0)
    base = torch.randn(6, 8, 4)
    types = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 complex128".split()
    return {
        "types": {name: (100 * base).to(getattr(torch, name)) for name in types},
        "views": [
            base.mT,
            base.permute(2, 0, 1),
            base[1:, ::2],
            base[..., 3],
            base[2, 3, 1],
            base[:0],
            torch.ones(1).expand(5, 7),
        ],
        "shared": [base, base.view(-1)[3:]],
        "special": torch.tensor([0.0, -0.0, torch.inf, torch.nan]).to(torch.bfloat16),
        "empty": torch.empty(0, 3),
    }


def network(torch):
    nn = torch.nn
    block = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4))
    block.register_buffer("scratch", torch.ones(1), persistent=False)
    return nn.Sequential(collections.OrderedDict(layer1=block, flat=nn.Flatten(), head=nn.Linear(16, 2)))


def training(torch):
    model = network(torch)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.randn(2, 3, 4, 4)).sum().backward()
    optimizer.step()
    return {"epoch": 3, "model": {"state_dict": model.state_dict()}, "optimizer": optimizer.state_dict()}


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    "make",
    [
        tensors,
        training,
        lambda torch: list(network(torch).parameters()),
        lambda torch: network(torch).half().state_dict(),
        lambda torch: (torch.Size([2, 3]), {}),
    ],
    ids=["tensors", "training", "parameters", "half", "scalars"],
)
def test_equals_torch_load(torch, tmp_path, make, new, protocol):
    path = tmp_path / "model.pth"
    torch.save(make(torch), path, _use_new_zipfile_serialization=new, pickle_protocol=protocol)
    want = torch.load(path, weights_only=protocol == 2)  # PyTorch's own restricted reader knows no frames
    got = read_checkpoint(path)
    if isinstance(want, tuple):
        want = (tuple(want[0]), *want[1:])
    same(torch, got, want)


def test_types_without_a_storage_class(torch, tmp_path):
    path = tmp_path / "model.pth"
    values = {str(t): torch.arange(7).to(t)[1::2] for t in (torch.uint16, torch.uint32, torch.uint64)}
    torch.save(values, path)
    same(torch, read_checkpoint(path), torch.load(path, weights_only=True))
    torch.save(torch.ones(3).to(torch.float8_e4m3fn), path)
    with pytest.raises(CheckpointError, match="float8_e4m3fn"):
        read_checkpoint(path)


def test_tensor_with_attributes(torch, tmp_path):
    path = tmp_path / "model.pth"
    weight = torch.nn.Parameter(torch.arange(3.0))
    weight.tag = "head"
    tensor = torch.arange(4.0)
    tensor.tag = "body"
    torch.save([weight, tensor], path)
    same(torch, read_checkpoint(path), [weight, tensor])


def test_whole_module(torch, tmp_path):
    path = tmp_path / "model.pth"
    model = network(torch)
    for new in (True, False):
        torch.save({"net": torch.nn.DataParallel(model)}, path, _use_new_zipfile_serialization=new)
        weights = module_state_dict(read_checkpoint(path)["net"])
        same(torch, weights, {f"module.{name}": value for name, value in model.state_dict().items()})


def test_torchscript_is_refused(torch, tmp_path):
    path = tmp_path / "model.pt"
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)
    with pytest.raises(CheckpointError, match="TorchScript"):
        read_checkpoint(path)


def test_lazy_conjugate_is_refused(torch, tmp_path):
    path = tmp_path / "model.pt"
    torch.save(torch.ones(2, dtype=torch.complex64).conj(), path)
    with pytest.raises(CheckpointError, match="resolve_conj"):
        read_checkpoint(path)


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_damage_to_a_file_of_torch(torch, tmp_path, new):
    path, chance = tmp_path / "model.pth", random.Random(1)
    torch.save(network(torch).state_dict(), path, _use_new_zipfile_serialization=new)
    whole, want = path.read_bytes(), torch.load(path, weights_only=True)
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged if chance.random() < 0.7 else damaged[: chance.randrange(len(damaged))])
        try:
            got = read_checkpoint(path)
        except CheckpointError:
            continue
        if new:
            same(torch, got, want)


@pytest.mark.skipif(not WEIGHTS.is_dir(), reason=f"no real checkpoints at {WEIGHTS}")
@pytest.mark.parametrize("path", sorted(WEIGHTS.glob("*.*th")), ids=lambda path: path.name)
def test_real_files(torch, path):
    same(torch, read_checkpoint(path), torch.load(path, weights_only=True, map_location="cpu"))
