"""What a chip can do by its datasheet, and how much of its memory was used."""

import re

import jax

PEAK_TFLOPS = {
    "H200 NVL": 835,
    "H200": 989,
    "H100 PCIe": 756,
    "H100 NVL": 835,
    "H100": 989,
    "A100": 312,
    "L4": 121,
    "T4": 65,
    "V100-PCIE": 112,
    "V100": 125,
    "TPU v6 lite": 918,
    "TPU v6e": 918,
    "TPU v5 lite": 197,
    "TPU v5e": 197,
    "TPU v5p": 459,
    "TPU v5": 459,
    "TPU v4": 275,
}
"""Words in the name that JAX gives a chip -> 10^12 floating-point operations a second of dense 16-bit matrix products
(bfloat16; float16 on T4 and V100), as NVIDIA's and Google's datasheets have them. The first that fits counts."""


def peak_flops_per_second(kind: str) -> float | None:
    """By the datasheet of a chip of this `device_kind`; None for one that is not in the table, or for a part of one."""
    if re.search(r"\bMIG\b", kind):
        return None
    return next((1e12 * peak for name, peak in PEAK_TFLOPS.items() if re.search(rf"\b{name}\b", kind)), None)


def peak_memory_bytes() -> int | None:
    """The most that this process has held of its first device's memory, what XLA tried programs with included.

    None where the platform does not tell, as the CPU does not.
    """
    told = jax.local_devices()[0].memory_stats() or {}
    return told.get("peak_bytes_in_use")
