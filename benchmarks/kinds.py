"""What the time of a play goes to, by kind of operation, as each library's own profiler has it."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

KINDS = {"convolutions": ("conv_general", "convolution"), "matrix products": ("dot", "mm", "ynn_fusion")}
"""Kind -> what names of its operations contain; a kind's before those of the next. All others are OTHERS.

JAX names operations after what they were traced from, and what YNNPACK computes, which is products here, ynn_fusion.
"""

OTHERS, WALL = "other operations", "wall"

CONTAINERS = ("while", "call", "conditional")
"""Of JAX's operations, those that consist of others."""


def of_jax(play: Callable[[], object]) -> dict[str, float]:
    """Seconds of each of KINDS and OTHERS, of all threads together, and WALL's, of one play."""
    import jax

    with tempfile.TemporaryDirectory() as directory:
        with jax.profiler.trace(directory):
            wall = _seconds(play)
        (file,) = Path(directory).rglob("*.xplane.pb")
        return _by_kind(_operations(jax.profiler.ProfileData.from_file(str(file)))) | {WALL: wall}


def _operations(profile: "jax.profiler.ProfileData") -> Iterator[tuple[str, float]]:  # noqa: F821 (not imported yet)
    for plane in profile.planes:
        for line in plane.lines:
            for event in line.events:
                operation = dict(event.stats).get("hlo_op", "")
                if operation == event.name and not operation.startswith(CONTAINERS):
                    yield operation, event.duration_ns / 1e9


def of_torch(play: Callable[[], object]) -> dict[str, float]:
    """As of_jax."""
    import torch

    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        wall = _seconds(play)
    own = ((event.key, event.self_cpu_time_total / 1e6) for event in profiler.key_averages())
    return _by_kind(own) | {WALL: wall}


def _seconds(play: Callable[[], object]) -> float:
    started = time.perf_counter()
    play()
    return time.perf_counter() - started


def _by_kind(operations: Iterator[tuple[str, float]]) -> dict[str, float]:
    found = dict.fromkeys((*KINDS, OTHERS), 0.0)
    for name, seconds in operations:
        found[kind_of(name)] += seconds
    return found


def kind_of(operation: str) -> str:
    """One of KINDS, or OTHERS."""
    return next((kind for kind, parts in KINDS.items() if any(part in operation for part in parts)), OTHERS)
