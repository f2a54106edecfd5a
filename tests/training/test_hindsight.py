"""What a student's evaluations come to together."""

import pytest

from akd_jax.training.hindsight import look_back

SPENT = {"teacher_queries": 64, "flops": 10**9}


def evaluations(split, top1, student="small"):
    """One a round, a second each."""
    return [
        {"kind": "eval", "round": round, "student": student, "split": split, "top1": value, "wall_seconds": round}
        | SPENT
        for round, value in enumerate(top1, 1)
    ]


def looks(agreements, student="small"):
    return [
        {"kind": "generator", "round": round, "student": student, "agreement": value}
        for round, value in enumerate(agreements, 1)
    ]


ROWS = [
    *evaluations("validation", [0.2, 0.4, 0.73, 0.9, 0.8, None, 0.85]),
    *evaluations("test", [0.1, 0.3, 0.75, 0.7, 0.8, 0.6, 0.7]),
    *evaluations("test", [1.0], student="other"),
    *looks([0.1, 0.5, 0.9, 0.2, 0.9, None, 0.3]),
    *looks([1.0], student="other"),
]
TEACHER = {"validation": 0.8, "test": 1.0}


def test_the_end():
    found = look_back(ROWS, "small", TEACHER)
    assert found["retention"] == {"validation": pytest.approx(0.85 / 0.8, abs=1e-4), "test": 0.7}
    last = found["last_evaluations"]
    assert last["test"]["top1"] == [0.75, 0.7, 0.8, 0.6, 0.7]
    assert last["test"]["mean"] == pytest.approx(0.71) and last["test"]["deviation"] == pytest.approx(0.0055**0.5)
    assert last["validation"]["top1"] == [0.4, 0.73, 0.9, 0.8, 0.85], "what is not finite is none"


def test_picked_by_labels_and_without():
    found = look_back(ROWS, "small", TEACHER)
    assert found["peak"] == {"validation": {"top1": 0.9, "round": 4}, "test": {"top1": 0.8, "round": 5}}
    wanted = {"round": 5, "agreement": 0.9, "top1": {"validation": 0.8, "test": 0.8}}
    assert found["by_agreement"] == wanted, "of two that agree as much, the later"


def test_what_was_reached_when():
    reached = look_back(ROWS, "small", TEACHER)["reached"]
    assert [(each["share_of_teacher"], each["round"]) for each in reached] == [
        (0.5, 2), (0.8, 3), (0.9, 3), (0.95, 4), (0.99, 4),
    ]  # fmt: skip
    assert reached[0] == {"share_of_teacher": 0.5, "split": "validation", "round": 2, "wall_seconds": 2, **SPENT}
    assert [each["share_of_teacher"] for each in look_back(ROWS[:3], "small", TEACHER)["reached"]] == [0.5, 0.8, 0.9]


def test_a_run_without_teacher_generator_or_evaluations():
    found = look_back(evaluations("test", [0.5]), "small", {})
    assert (found["retention"], found["by_agreement"], found["reached"]) == ({}, None, [])
    assert found["last_evaluations"]["test"] == {"top1": [0.5], "mean": 0.5, "deviation": None}
    nothing = {"retention": {}, "last_evaluations": {}, "peak": {}, "by_agreement": None, "reached": []}
    assert look_back([], "small", TEACHER) == nothing
