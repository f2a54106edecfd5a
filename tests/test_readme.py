"""What the README shows, run."""

import re
import sys
from pathlib import Path
from types import ModuleType

import jax.numpy as jnp
import numpy as np
import pytest
from small_networks import FACTS, NETWORKS, scrambled

from akd_jax.export import formats
from akd_jax.export.subject import Subject, outputs_of

README = (Path(__file__).parents[1] / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
FILES = {
    "pytorch": "student.pth", "safetensors": "student/model.safetensors", "stablehlo": "student.stablehlo",
    "onnx": "student.onnx",
}  # fmt: skip


def test_the_library_example():
    """With two rounds instead of two hundred."""
    code = next(code for code in PYTHON if "METHODS" in code)
    assert len(code.splitlines()) <= 25
    names = {}
    exec(code.replace("200", "2"), names)
    assert names["state"].step == 2
    assert names["metrics"]["student_loss"]["small"].shape == names["metrics"]["generator_loss"].shape == (2,)
    assert names["outputs"].logits.shape == (1, 10) and jnp.isfinite(names["outputs"].logits).all()


@pytest.mark.parametrize(("format", "libraries"), [
    ("pytorch", ["torch"]), ("safetensors", ["torch", "safetensors"]), ("stablehlo", ["flatbuffers"]),
    ("onnx", ["onnx", "onnxruntime"]),
])  # fmt: skip
def test_deployments(format, libraries, tmp_path, monkeypatch):
    """With a small network, which the name of DFAD's stands for."""
    for library in libraries:
        pytest.importorskip(library)
    network, shape, _ = NETWORKS["resnet"]
    images = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    subject = formats.in_layout(Subject(network, scrambled(network, images), images, "noise", FACTS), None)
    file = tmp_path / FILES[format]
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(formats.FORMATS[format].encode(subject))
    (code,) = [code for code in PYTHON if FILES[format] in code]
    assert len(code.strip().splitlines()) <= 8  # a blank one among them
    if "torch" in libraries:
        from akd_jax.torch_networks import ResNet

        module = ModuleType("network.resnet_8x")
        module.ResNet18_8x = lambda num_classes: ResNet((1, 1), (4, 8), 5, names="cifar")
        monkeypatch.setitem(sys.modules, "network", ModuleType("network"))
        monkeypatch.setitem(sys.modules, "network.resnet_8x", module)
    monkeypatch.chdir(tmp_path)
    names = {"images": images}
    exec(code, names)
    logits = np.asarray(names["logits"].detach() if "torch" in libraries else names["logits"])
    np.testing.assert_allclose(logits, outputs_of(subject), rtol=0, atol=1e-5 * np.abs(logits).max())
