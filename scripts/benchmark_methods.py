"""python scripts/benchmark_methods.py --workdir runs/methods --results results/methods --seeds 0,1,2,3,4 --jobs 2"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks are no part of the package

from benchmarks.methods import main

if __name__ == "__main__":
    main()
