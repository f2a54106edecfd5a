"""python -m benchmarks.readme: writes the tables of README.md anew from results/."""

import json
import re
from pathlib import Path

from benchmarks import contest, figures, growth, on_paper, profile

ROOT = Path(__file__).parents[1]
TABLES = {
    "results/benchmark_cpu/results.json": figures.tables,
    "results/benchmark_cpu/without_avx512.json": figures.targets,
    "results/benchmark_cpu/fast.json": figures.tables,
    "results/profile_cpu/results.json": profile.table,
    "results/growth_cpu/results.json": growth.markdown,
    "results/h200_on_paper/results.json": on_paper.table,
    "results/methods/results.json": contest.tables,
}


def written(readme: str) -> str:
    """The text with every table as the results have it."""
    for file, table in TABLES.items():
        begin, end = f"<!-- generated from {file} -->\n", "<!-- end -->"
        fresh = f"{begin}\n{table(json.loads((ROOT / file).read_text()))}\n\n{end}"
        readme, times = re.subn(f"{re.escape(begin)}.*?{end}", lambda _, fresh=fresh: fresh, readme, flags=re.DOTALL)
        if times != 1:
            raise ValueError(f"README.md has {times} places for {file}")
    return readme


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(written(path.read_text()))
