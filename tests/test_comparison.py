"""Runs side by side."""

import json
import runpy
from pathlib import Path

import pytest
from commands import status

from akd_jax import comparison
from akd_jax.cli import compare
from akd_jax.comparison import Told
from akd_jax.config_dict import from_dict, to_dict

CONFIGS = Path(__file__).parents[1] / "configs"


def summary(seed, last, best=0.75, *, config="akd:digits", digest="sha256:1", **more):
    return {
        "config": config,
        "seed": seed,
        "finished": True,
        "teacher": {"arch": "resnet20", "digest": digest, "top1": {"test": 0.8}},
        "students": {"small": {"parameters": 1000, "last": {"test": {"top1": last}}, "best": {"test": {"top1": best}}}},
        "teacher_queries": 1000 * (seed + 1),
        "flops": 10,
        "wall_seconds": 90.0,
        "images_per_second": 20.0,
        "device": "1 x cpu (cpu)",
        **more,
    }


def compared(*summaries, split="test"):
    """Of runs that have no settings written down."""
    return comparison.compare([Told(each, {}) for each in summaries], split)


def test_seeds_of_one_recipe_are_a_row():
    (row,) = compared(summary(0, 0.5), summary(2, 0.7))["rows"]
    assert row["seeds"] == [0, 2] and row["teacher_queries"] == 2000 and row["mfu"] is None
    assert row["last"] == {"top1": [0.5, 0.7], "mean": pytest.approx(0.6), "deviation": pytest.approx(0.02**0.5)}
    assert row["best"] == {"top1": [0.75, 0.75], "mean": 0.75, "deviation": 0.0}


def test_what_differs_is_rows_of_its_own():
    runs = [summary(0, 0.5), summary(0, 0.5, config="dfad"), summary(0, 0.5, digest="sha256:2"), summary(1, 0.5)]
    assert [(row["config"], row["seeds"]) for row in compared(*runs)["rows"]] == [
        ("akd:digits", [0, 1]),
        ("dfad", [0]),
        ("akd:digits", [0]),
    ]


def test_rows_of_one_config_are_named_after_the_settings_in_which_they_differ():
    told = [
        Told(summary(seed, 0.5), {"inherit": inherit, "batch_size": 64, "dfad.rate": rate})
        for seed, inherit, rate in ((0, False, 1.0), (0, True, 1.0), (1, False, 1.0), (0, False, 2.0))
    ]
    other = Told(summary(0, 0.5, config="dfad"), {"inherit": True, "batch_size": 32})
    assert [(row["config"], row["seeds"]) for row in comparison.compare([*told, other], "test")["rows"]] == [
        ("akd:digits, inherit=False, dfad.rate=1.0", [0, 1]),
        ("akd:digits, inherit=True, dfad.rate=1.0", [0]),
        ("akd:digits, inherit=False, dfad.rate=2.0", [0]),
        ("dfad", [0]),
    ]


def test_students_and_runs_that_do_not_tell_their_settings_name_no_row():
    """As a method that was played once for each of two students."""
    first, second = (Told(summary(0, 0.5), {"students": [name]}) for name in ("small", "tiny"))
    tiny = {"tiny": second.summary["students"]["small"]}
    second = second._replace(summary=second.summary | {"students": tiny})
    rows = comparison.compare([first, second, Told(summary(0, 0.5), {})], "test")["rows"]
    assert [(row["config"], row["student"]) for row in rows] == [
        ("akd:digits", "small"), ("akd:digits", "tiny"), ("akd:digits", "small")
    ]  # fmt: skip


def test_the_table():
    runs = [summary(0, 0.5, mfu=0.251, peak_memory_bytes=3 * 2**30), summary(1, 0.7, finished=False)]
    lines = comparison.markdown(compared(*runs)).splitlines()
    assert lines[2] == (
        "| akd:digits (not finished) | resnet20, 80.00 % | small | 1,000 | 0, 1 | 60.00 ± 14.14 % | 75.00 ± 0.00 % "
        "| 75.0 % | 1,500 | 1.5 min | 20 | 25.1 % | 3.0 GiB | 1 x cpu (cpu) |"
    )
    unknown = comparison.markdown(compared(summary(0, 0.5, teacher=None), split="validation"))
    assert unknown.splitlines()[2].startswith("| akd:digits | none | small | 1,000 | 0 | - | - | - |")


def test_from_directories_to_a_report(tmp_path, capsys):
    for name, made in {"one": summary(0, 0.5), "two": summary(1, None)}.items():
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "summary.json").write_text(json.dumps(made))
    (tmp_path / "runs" / "one" / "curves.png").write_bytes(b"png")
    out = tmp_path / "report"
    assert status(compare, tmp_path / "runs", "--out", out) == 0
    assert "| akd:digits | resnet20, 80.00 % | small | 1,000 | 0, 1 | 50.00 % |" in capsys.readouterr().out
    assert json.loads((out / "report.json").read_text())["rows"][0]["last"]["top1"] == [0.5, None]
    assert {f"{path.relative_to(out)}" for path in out.rglob("*") if path.is_file()} == {
        "report.md", "report.json", "one/summary.json", "one/curves.png", "two/summary.json"
    }  # fmt: skip


def test_sweeps_are_found_and_kept_apart(tmp_path, capsys):
    for sweep, rate in (("slow", 0.1), ("fast", 0.2)):
        for seed in (0, 1):
            member = tmp_path / "runs" / sweep / f"seed_{seed}"
            member.mkdir(parents=True)
            (member / "summary.json").write_text(json.dumps(summary(seed, rate, config=f"akd, rate={rate}")))
        (tmp_path / "runs" / sweep / "sweep.json").write_text("{}")
    out = tmp_path / "report"
    for runs in ([tmp_path / "runs"], [tmp_path / "runs" / "slow", tmp_path / "runs" / "fast"]):
        assert status(compare, *runs, "--out", out) == 0
        told = capsys.readouterr().out
        assert "| akd, rate=0.1 | resnet20, 80.00 % | small | 1,000 | 0, 1 | 10.00 ± 0.00 % |" in told
        assert "| akd, rate=0.2 | resnet20, 80.00 % | small | 1,000 | 0, 1 | 20.00 ± 0.00 % |" in told
        assert (out / "fast" / "seed_1" / "summary.json").exists()


def test_settings_of_runs_are_read(tmp_path, capsys):
    """Those that decide what a run comes to."""
    for name, seed, changed in (("a", 0, {}), ("b", 1, {"samples": 4}), ("c", 0, {"inherit": True})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "summary.json").write_text(json.dumps(summary(seed, 0.5)))
        settings = to_dict(from_dict(runpy.run_path(CONFIGS / "akd.py")["get_config"]("digits").to_dict() | changed))
        (tmp_path / name / "config.json").write_text(json.dumps(settings | {"seed": seed}))
    assert status(compare, *(tmp_path / name for name in "abc")) == 0
    first, second = capsys.readouterr().out.splitlines()[2:]
    assert first.startswith("| akd:digits, inherit=False | resnet20, 80.00 % | small | 1,000 | 0, 1 |")
    assert second.startswith("| akd:digits, inherit=True | resnet20, 80.00 % | small | 1,000 | 0 |")


def test_two_runs_of_one_name_are_not_written_over_each_other(tmp_path, capsys):
    for parent in ("a", "b"):
        (tmp_path / parent / "run").mkdir(parents=True)
        (tmp_path / parent / "run" / "summary.json").write_text(json.dumps(summary(0, 0.5)))
    assert status(compare, tmp_path / "a", tmp_path / "b", "--out", tmp_path / "report") == 2
    assert "two have the same" in capsys.readouterr().err and not (tmp_path / "report").exists()


def test_a_directory_without_a_run_is_refused(tmp_path, capsys):
    assert status(compare, tmp_path) == 2
    assert "holds no run with a summary.json" in capsys.readouterr().err
