"""The figures of methods side by side, of what is kept of their runs."""

import json

import pytest
from kept_runs import run

from akd_jax.errors import InputError
from benchmarks import contest, pool


def test_the_best_last_comes_first_and_peeking_is_seen(tmp_path):
    run(tmp_path, "digits", "akd", 0, (0.75, 0.5))
    run(tmp_path, "digits", "akd", 10, (0.85, 0.7))
    run(tmp_path, "digits", "fast", 2, (0.65, 0.65), finished=False)
    run(tmp_path, "coarse16", "akd", 0, (0.25, 0.25))
    found = contest.compared(tmp_path)
    assert list(found) == ["coarse16", "digits"]
    akd = found["digits"][1]
    assert akd["seeds"] == [0, 10] and akd["last"]["mean"] == pytest.approx(0.6)
    assert akd["best_on_test"]["top1"] == [0.75, 0.85] and akd["agreement"] == 0.5
    lines = contest.tables({"grounds": found}).splitlines()
    assert lines[-2].startswith("| fast (not finished) | 1 | 65.00 % |")
    assert lines[-1] == (
        "| akd | 2 | 60.00 ± 14.14 % | 60.00 ± 14.14 % | 80.00 ± 7.07 % | 80.00 ± 7.07 % | 50.00 % "
        "| - | 2,000 | 1.00e+12 | 1.5 | 1 x cpu (cpu) |"
    )
    (earlier := tmp_path / "digits" / "akd" / "seed_0" / "summary.json").write_text(
        earlier.read_text().replace("by_agreement", "of_a_version_without")
    )
    assert contest.compared(tmp_path)["digits"][1]["by_agreement"]["top1"] == [None, 0.85]
    contest.draw(tmp_path, tmp_path / "top1.png")
    assert (tmp_path / "top1.png").read_bytes().startswith(b"\x89PNG")


def test_seeds_of_another_teacher_are_not_put_beside(tmp_path):
    run(tmp_path, "digits", "akd", 0, (0.75, 0.5))
    run(tmp_path, "digits", "akd", 1, (0.75, 0.5), teacher="sha256:2")
    with pytest.raises(InputError, match="akd has runs of several teachers"):
        contest.compared(tmp_path)


def test_seeds_of_another_length_are_not_put_beside(tmp_path):
    run(tmp_path, "digits", "akd", 0, (0.75, 0.5))
    run(tmp_path, "digits", "akd", 1, (0.75, 0.5), flops=2e12)
    with pytest.raises(InputError, match="akd has runs of several teachers, students or lengths"):
        contest.compared(tmp_path)


def test_the_part_of_the_test_images_that_does_not_pick_is_told(tmp_path):
    run(tmp_path, "resnet20", "akd", 0, (0.75, 0.5), splits=("test[:20%]", "test[20%:]"))
    run(tmp_path, "digits", "akd", 0, (0.65, 0.25))
    found = contest.compared(tmp_path)
    (apart,), (whole,) = found["resnet20"], found["digits"]
    assert apart["last"]["top1"] == [0.5] and apart["best_on_test"]["top1"] == [0.75]
    assert whole["last"]["top1"] == [0.25] and whole["best_on_test"]["top1"] == [0.65]
    contest.draw(tmp_path, tmp_path / "top1.png")


def test_seeds_of_other_test_images_are_not_put_beside(tmp_path):
    run(tmp_path, "resnet20", "akd", 0, (0.75, 0.5), splits=("test[:20%]", "test[20%:]"))
    run(tmp_path, "resnet20", "akd", 1, (0.75, 0.5), splits=("test[:20%]", "test"))
    with pytest.raises(InputError, match="seed_1: not measured on test"):
        contest.compared(tmp_path)


def test_runs_that_were_not_measured_on_test_are_told(tmp_path):
    run(tmp_path, "digits", "akd", 3, (0.75, 0.5))
    path = tmp_path / "digits" / "akd" / "seed_3" / "summary.json"
    summary = json.loads(path.read_text())
    del summary["students"]["small"]["last"]["test"]
    path.write_text(json.dumps(summary))
    with pytest.raises(InputError, match="seed_3: not measured on test"):
        contest.compared(tmp_path)


@pytest.mark.parametrize(("recipe", "steps"), [("akd", 40 * 17 * 15), ("best", (460 - 46) * 25), ("dafl", 40 * 112)])
def test_student_steps_are_those_of_the_recipe(recipe, steps):
    rows = contest.compared(pool.ROOT / "results" / "methods")["coarse16"]
    (row,) = (row for row in rows if row["config"] == f"methods:coarse16_{recipe}")
    assert row["student_steps"] == steps
