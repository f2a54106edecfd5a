"""Files that PyTorch wrote: equality with torch.load, bit for bit."""

import collections
import random
from pathlib import Path

import numpy as np
import pytest

from akd_jax.convert.reader import CheckpointError, module_state_dict, read_checkpoint

WEIGHTS = Path(__file__).parents[3] / "shared" / "weights"


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="torch is the test oracle: pip install -e .[test] on Python 3.11")


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
