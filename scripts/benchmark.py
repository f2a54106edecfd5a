"""python scripts/benchmark.py --json results/benchmark_cpu/results.json --plot results/benchmark_cpu/ratios.png"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the peers are no part of the package

from benchmarks.command import main

if __name__ == "__main__":
    main()
