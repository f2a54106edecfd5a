"""safetensors files, and the directory around one."""

import json
from dataclasses import replace

import numpy as np
import pytest

from akd_jax.export import hugging_face
from akd_jax.export.facts import Facts
from akd_jax.export.hugging_face import encode

ARRAYS = {
    "conv.weight": np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32),
    "half": np.arange(5, dtype=np.float16),
    "bn.num_batches_tracked": np.array(5),
    "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
}
FACTS = Facts(
    role="student", kind="classifier", architecture="resnet20", parameters=269_722, image_size=32, input_size=32,
    channels=3, classes=10, mean=[0.5, 0.4, 0.3], std=[0.2, 0.2, 0.2], method="akd", rounds=240,
    teacher={"architecture": "resnet56", "parameters": 853_018, "digest": "sha256:0"},
    top1={"cifar10 test": 0.9134}, layout="cifar",
)  # fmt: skip


def test_safetensors_reads_it():
    safetensors = pytest.importorskip("safetensors.numpy")
    found = safetensors.load(encode(ARRAYS, {"format": "pt"}))
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


def test_arrays_are_aligned_and_the_metadata_there():
    data = encode(ARRAYS, {"format": "pt"})
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert length % 8 == 0 and header.pop("__metadata__") == {"format": "pt"}
    for name, entry in header.items():
        assert entry["data_offsets"][0] % ARRAYS[name].itemsize == 0


def test_a_models_directory():
    yaml = pytest.importorskip("yaml")
    files = hugging_face.contents(b"weights", FACTS)
    assert files.keys() == {"model.safetensors", "config.json", "README.md"}
    assert files["model.safetensors"] == b"weights" and Facts(**json.loads(files["config.json"])) == FACTS
    _, header, text = files["README.md"].decode().split("---\n", 2)
    values = yaml.safe_load(header)
    assert values["license"] == "unknown" and values["library_name"] == "pytorch" and "data-free" in values["tags"]
    for said in ("240 rounds", "`resnet56`", "| cifar10 test | 91.34 % |", "mean [0.5, 0.4, 0.3]", "10 classes"):
        assert said in text


def test_a_card_says_that_images_are_enlarged_and_that_nothing_was_measured():
    card = hugging_face.card(replace(FACTS, input_size=224, top1={}))
    assert "enlarged to 224x224" in card and "Not measured." in card
