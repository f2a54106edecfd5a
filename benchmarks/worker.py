"""One variant of one game in a process of its own, which does what it is told on standard input.

A request is a line of JSON, {"do": ..., ...}; so is the answer. Everything else that is printed goes to standard error.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """Arguments: variant, game, directory with what everybody begins with, threads."""
    variant, game, start, threads = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if variant.startswith("torch"):
        import torch

        torch.set_num_threads(int(threads))
        from benchmarks import torch_phases as own
    else:
        from benchmarks import jax_phases as own
    from benchmarks.games import config_of

    config, phases = config_of(game), {}

    def answer(request: dict[str, Any]) -> Any:
        match request["do"]:
            case "prepare":
                return own.prepare(config, Path(start))
            case "losses":
                arguments = (Path(start),) if variant.startswith("torch") else ()
                return own.losses(variant, config, *arguments)
            case "phases":
                phases.update(own.phases(variant, config, Path(start)))
                return list(phases)
            case "sample":
                return _timed(phases[request["phase"]])
            case "compile":
                return own.compile_seconds(config)
            case "flops":
                return own.flops(config)
            case "matmul":
                return own.matmul_flops_per_second()
            case "memory":
                return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


def _timed(phase: Any) -> float:
    """Seconds of one time."""
    started = time.perf_counter()
    times = phase()
    return (time.perf_counter() - started) / (times if isinstance(times, int) else 1)


if __name__ == "__main__":
    main()
