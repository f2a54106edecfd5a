"""What the clock runs on, and whether anybody else is at work on it."""

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import TypeVar

Sample = TypeVar("Sample")

QUIET = 0.12
"""Cores that others may keep busy while a sample is taken."""

PATIENCE = 4
"""How often a sample is taken at most until one is quiet, where it matters how fast things are."""

TICKS = os.sysconf("SC_CLK_TCK")


def facts() -> dict[str, object]:
    """Processor, cores, memory in bytes, versions, and the commit measured, with "+" after it if changed since."""
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
        "commit": _git("rev-parse", "--short", "HEAD") + ("+" if _git("status", "--porcelain") else ""),
    }


def quietest(sample: Callable[[], Sample], pid: int, *, patience: int = PATIENCE) -> tuple[Sample, float]:
    """(a sample, cores that others kept busy meanwhile): the first that is QUIET, or the quietest of `patience`.

    pid: of the process that is measured.
    """
    best = None
    for _ in range(patience):
        started, busy, own = time.monotonic(), busy_seconds(), process_seconds(pid)
        value = sample()
        spent = process_seconds(pid) - own
        others = (busy_seconds() - busy - spent) / (time.monotonic() - started)
        best = min(best or (value, others), (value, others), key=lambda pair: pair[1])
        if others < QUIET:
            break
    return best


def spread(values: Sequence[float]) -> dict[str, float]:
    """median, low and high."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


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


def _git(*arguments: str) -> str:
    """What git says here, "" where there is none."""
    try:
        command = ["git", "-C", str(Path(__file__).parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
