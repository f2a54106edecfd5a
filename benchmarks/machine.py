"""What the clock runs on, and whether anybody else is at work on it."""

import os
import platform
from importlib import metadata
from pathlib import Path

QUIET = 0.12
"""Cores that others may keep busy while a sample is taken."""

TICKS = os.sysconf("SC_CLK_TCK")


def facts() -> dict[str, object]:
    """Processor, cores, memory in bytes, and versions."""
    versions = {"python": platform.python_version()}
    for library in ("jax", "jaxlib", "flax", "torch"):
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            versions[library] = "not installed"
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "versions": versions,
    }


def busy_seconds() -> float:
    """Of all cores since the machine started, whoever used them, the host's other guests included."""
    user, nice, system, _, _, irq, softirq, steal, *_ = map(
        int, Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    )
    return (user + nice + system + irq + softirq + steal) / TICKS


def process_seconds(pid: int) -> float:
    """Of all threads of a process since it started."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / TICKS


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
