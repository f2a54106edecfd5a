"""Chips by the names that JAX gives them."""

from types import SimpleNamespace

import jax
import pytest

from akd_jax import chips


@pytest.mark.parametrize(
    ("kind", "tflops"),
    [
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA H200", 989),
        ("NVIDIA A100-SXM4-40GB", 312),
        ("NVIDIA L4", 121),
        ("Tesla T4", 65),
        ("Tesla V100-SXM2-16GB", 125),
        ("Tesla V100-PCIE-16GB", 112),
        ("TPU v4", 275),
        ("TPU v5 lite", 197),
        ("TPU v5p", 459),
        ("TPU v6 lite", 918),
    ],
)
def test_peaks_of_datasheets(kind, tflops):
    assert chips.peak_flops_per_second(kind) == tflops * 1e12


@pytest.mark.parametrize(
    "kind", ["cpu", "NVIDIA L40S", "Tesla V100S-PCIE-32GB", "NVIDIA RTX A1000", "NVIDIA H100 80GB HBM3 MIG 1g.10gb"]
)
def test_what_only_looks_like_one_has_no_peak(kind):
    assert chips.peak_flops_per_second(kind) is None


def test_memory_where_the_platform_tells(monkeypatch):
    assert chips.peak_memory_bytes() is None, "the CPU tells by now: the docstring is out of date"
    for told, wanted in [({"bytes_in_use": 1, "peak_bytes_in_use": 7}, 7), ({"bytes_in_use": 1}, None)]:
        device = SimpleNamespace(memory_stats=lambda told=told: told)
        monkeypatch.setattr(jax, "local_devices", lambda device=device: [device])
        assert chips.peak_memory_bytes() == wanted
