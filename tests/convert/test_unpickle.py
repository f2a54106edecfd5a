"""Pickles: Python's values are read, and nothing is ever executed."""

import argparse
import collections
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from checkpoint_files import LEGACY_PICKLE, ZIP_PICKLE, legacy, zipped

from akd_jax.convert.reader import Inert
from akd_jax.convert.unpickle import MAX_OPERATIONS

DEEP = b"\x80\x02})" + b"\x85" * 1_000_000 + b"Ns."


def raw(pickled):
    return pickled


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


HOSTILE = {
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
}  # fmt: skip


@pytest.mark.parametrize("pickled", HOSTILE.items(), ids=lambda item: item[0])
def test_hostile_pickles(refused, pickled):
    refused(zipped(pickled[1]))
    refused(legacy(pickled[1]))


READ = """
import resource, sys
from akd_jax.convert.reader import CheckpointError, read_checkpoint

def peak():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, used + 2**30))
before = peak()
for path in sys.argv[1:]:
    try:
        sys.exit(f"{path} gave {read_checkpoint(path)!r:.80}")
    except CheckpointError:
        pass
    if peak() - before > 2**26:
        sys.exit(f"{path}: {peak() - before} bytes")
"""
GIGANTIC = b"J\xff\xff\xff\x7f"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_hostile_files_are_refused_before_memory_grows(tmp_path):
    """By less than 64 MiB, where no more than one GiB can be had."""
    sizes = b"K\x02K\x03\x86K\x03K\x01\x86", GIGANTIC * 2 + b"\x86K\x00K\x00\x86"  # of a view of one number
    files = {
        "deflated numbers": zipped(data=bytes(2**28), compression=zipfile.ZIP_DEFLATED),
        "deflated pickle": zipped(bytes(2**28), compression=zipfile.ZIP_DEFLATED),
        "zip of a view": zipped(ZIP_PICKLE.replace(*sizes)),
        "legacy of a view": legacy(LEGACY_PICKLE.replace(*sizes)),
        "zip of a storage": zipped(ZIP_PICKLE.replace(b"cpuK\x06", b"cpu" + GIGANTIC)),
        "legacy of a storage": legacy(LEGACY_PICKLE.replace(b"cpuK\x06", b"cpu" + GIGANTIC)),
        "safetensors header": (2**40).to_bytes(8, "little") + b"{}",
    }
    for name, pickled in HOSTILE.items():
        files |= {f"zip {name}": zipped(pickled), f"legacy {name}": legacy(pickled)}
    paths = [tmp_path / f"{name}{'.safetensors' if 'header' in name else '.pth'}" for name in files]
    for path, content in zip(paths, files.values(), strict=True):
        path.write_bytes(content)
    subprocess.run([sys.executable, "-c", READ, *paths], check=True)


def test_memo_index_costs_nothing(read):
    assert read(zipped(b"\x80\x02K\x07r\xff\xff\xff\x0f.")) == 7


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
