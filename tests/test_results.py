"""What was written down of runs: sums of several are of those beside them."""

import json
from pathlib import Path

import pytest

from akd_jax import spread
from benchmarks import contest

RESULTS = Path(__file__).parents[1] / "results"


@pytest.mark.parametrize("name", ["digits_akd", "digits_best"])
@pytest.mark.parametrize("when", ["last", "best"])
def test_figures_of_several_seeds_are_of_their_runs(name, when):
    told = json.loads((RESULTS / name / "results.json").read_text())
    assert [run["seed"] for run in told["runs"]] == told["seeds"]
    for student, figures in told["students"].items():
        measured = [run["students"][student][when]["test"] for run in told["runs"]]
        found, wanted = spread.of_top1(measured), figures[when]
        assert found["top1"] == wanted["test_top1"]
        assert (wanted["mean"], wanted["deviation"]) == pytest.approx((found["mean"], found["deviation"]), abs=1e-5)
        agreement = spread.mean(each["agreement"] for each in measured)
        assert wanted["agreement_mean"] == pytest.approx(agreement, abs=1e-5)


def test_figures_of_methods_are_of_all_runs_beside_them():
    told = json.loads((RESULTS / "methods" / "results.json").read_text())
    found = contest.compared(RESULTS / "methods")
    assert json.loads(json.dumps(found)) == told["grounds"], "scripts/benchmark_methods.py writes them anew"
