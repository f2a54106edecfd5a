"""One variant of one game in a process of its own, which does what it is told on standard input.

A request is a line of JSON, {"do": ..., ...}; so is the answer. Everything else that is printed goes to standard error.
"""

import json
import math
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

LEAST_SECONDS = 0.3
"""That a sample takes: what is shorter is played more often."""


def main() -> None:
    """Arguments: variant, game, directory with what everybody begins with, threads, changes to the game's config."""
    variant, game, start, threads, changes = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if variant.startswith("torch"):
        import torch

        torch.set_num_threads(int(threads))
        from benchmarks.kinds import of_torch as by_kind
        from benchmarks.torch_phases import losses, phases
    else:
        from akd_jax import chips
        from benchmarks import jax_facts
        from benchmarks.jax_facts import losses
        from benchmarks.jax_phases import phases
        from benchmarks.kinds import of_jax as by_kind
    from benchmarks.games import comparable, config_of, times

    config = config_of(game, **json.loads(changes))
    makers: dict[str, Any] = {}
    plays: dict[str, Any] = {}

    def answer(request: dict[str, Any]) -> Any:
        match request["do"]:
            case "prepare":
                return jax_facts.prepare(config, Path(start))
            case "losses":
                return comparable(config, losses(variant, config, Path(start)))
            case "phases":
                makers.update(phases(variant, config, Path(start)))
                return list(makers)
            case "ready":
                phase = request["phase"]
                plays[phase] = makers[phase]()
                plays[phase]()  # may compile
                once = _seconds(plays[phase], 1)
                return max(1, math.ceil(LEAST_SECONDS / once))
            case "sample":
                count = request["count"]
                return _seconds(plays[request["phase"]], count) / count / times(config).get(request["phase"], 1)
            case "kinds":
                return by_kind(plays[request["phase"]])
            case "compile":
                return jax_facts.compile_seconds(config, Path(start))
            case "flops":
                return jax_facts.flops(config)
            case "device":
                return jax_facts.device()
            case "matmul":
                return jax_facts.matmul_flops_per_second(request["size"], request["dtype"])
            case "dispatch":
                return jax_facts.dispatch(config, request["seconds"])
            case "memory" if not request["host"]:
                return chips.peak_memory_bytes()
            case "memory":
                return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


def _seconds(play: Any, count: int) -> float:
    started = time.perf_counter()
    for _ in range(count):
        play()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
