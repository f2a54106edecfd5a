"""A member of a sweep is the run that it would be by itself."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from commands import contents
from outcomes import assert_same_result, history, names, rows, summary
from stage import STUDENTS, Stage
from tiny_game import equal

from akd_jax import dispatch, lockstep, saved_run, steps
from akd_jax.run import beside
from akd_jax.sweep import SWEEPABLE, members_of

RATES = ("student_optimizer.learning_rate=0.05,0.1", "generator_optimizer.learning_rate=0.01,0.001")
ONE = {"student_optimizer.learning_rate": 0.05, "generator_optimizer.learning_rate": 0.001, "seed": 1}
NAME = "student_optimizer.learning_rate=0.05,generator_optimizer.learning_rate=0.001,seed_1"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """(its directory, played to its end) of two students, two rates of each player and two seeds."""
    directory = tmp_path_factory.mktemp("sweep")
    Stage(directory / "none", {"sweep": RATES, "num_seeds": 2, "students": STUDENTS}).train(directory / "all")
    return directory / "all"


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """(the directory of the same run by itself as the sweep's member NAME)."""
    directory = tmp_path_factory.mktemp("alone")
    Stage(directory / "none", ONE | {"students": STUDENTS}).train(directory / "run")
    return directory / "run"


def numbers(row):
    return {key: value for key, value in row.items() if isinstance(value, float)}


def assert_close(member, run, rtol):
    """Their losses, round by round."""
    for found, wanted in zip(rows(member), rows(run), strict=True):
        assert found.keys() == wanted.keys() and found["round"] == wanted["round"] and found["seed"] == wanted["seed"]
        if found["kind"] == "train":
            assert numbers(found) == pytest.approx(numbers(wanted), rel=rtol), found["round"]


def test_a_member_is_an_ordinary_run(sweep, alone):
    assert names(sweep) == {"sweep.json", ".lock"} | {
        f"student_optimizer.learning_rate={student},generator_optimizer.learning_rate={generator},seed_{seed}"
        for student in (0.05, 0.1)
        for generator in (0.01, 0.001)
        for seed in (0, 1)
    }
    member = sweep / NAME
    assert names(member) == names(alone) and names(member / "checkpoints") == names(alone / "checkpoints")
    for name in ("config.json", "teacher.json"):
        assert (
            contents(member)[(member / name).relative_to(member)] == contents(alone)[(alone / name).relative_to(alone)]
        )
    found, wanted = saved_run.read(member), saved_run.read(alone)
    assert (found.config, found.progress.round) == (wanted.config, wanted.progress.round)
    assert summary(member).keys() == summary(alone).keys()
    for key in ("seed", "rounds", "finished", "ending", "teacher", "teacher_queries", "flops", "versions"):
        assert summary(member)[key] == summary(alone)[key]
    assert len(history(member)) == len(history(alone))


def test_a_member_plays_as_it_would_alone(sweep, alone):
    """One after another, as on CPU: to the rounding of numbers that are inputs there and constants here."""
    assert_close(sweep / NAME, alone, rtol=1e-5)


def test_seeds_alone_are_bitwise_the_same(tmp_path):
    """Since they are all that differs, the program has every number that it would have for one."""
    Stage(tmp_path / "none", {"num_seeds": 2}).train(tmp_path / "sweep")
    for seed in (0, 1):
        Stage(tmp_path / "none", {"seed": seed}).train(tmp_path / f"{seed}")
        assert_same_result(tmp_path / "sweep" / f"seed_{seed}", tmp_path / f"{seed}")


def test_members_that_move_together_do_so_too(alone, tmp_path, monkeypatch):
    """As on accelerators, to rounding, which grows from round to round."""
    monkeypatch.setattr(steps, "by_platform", lambda on_cpu, elsewhere: elsewhere)
    sweep = ("student_optimizer.learning_rate=0.05,0.1",)
    stage = Stage(tmp_path / "none", {"sweep": sweep, "students": STUDENTS} | {
        "generator_optimizer.learning_rate": 0.001, "seed": 1,
    })  # fmt: skip
    stage.train(tmp_path / "all")
    assert_close(tmp_path / "all" / "student_optimizer.learning_rate=0.05,seed_1", alone, rtol=2e-3)


def test_what_is_their_own(tmp_path):
    """Keys, and the numbers that differ; no others."""
    stage = Stage(tmp_path / "none", {"sweep": (RATES[0], "adversarial.temperature=3"), "num_seeds": 2})
    runs = [
        stage._run._replace(config=member.config, game_key=jax.random.key(i))
        for i, member in enumerate(members_of(stage.config))
    ]
    keys, numbers = lockstep.own(runs)
    assert equal(jax.random.key_data(keys), jax.random.key_data(jax.vmap(jax.random.key)(np.arange(4))))
    assert {key: values.tolist() for key, values in numbers.items()} == {
        "student_optimizer.learning_rate": np.float32([0.05, 0.05, 0.1, 0.1]).tolist()
    }


CHANGED = dict.fromkeys(SWEEPABLE, 0.25) | {"student_optimizer.learning_rate": 0.05}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A run in whose game every number that can be swept has a part."""
    rates = {f"{player}_optimizer.{key}": value for player in ("student", "generator")
             for key, value in {"schedule": "cosine", "final": 0.5}.items()}  # fmt: skip
    weighted = {"adversarial.objective": "kl", "adversarial.diversity_weight": 0.1, "num_seeds": 2}
    return Stage(tmp_path_factory.mktemp("table"), rates | weighted)


def played(table, changes):
    """(the state after three rounds, the metrics) of each run with these changed settings, all by one program."""
    plain = dataclasses.replace(table.config, num_seeds=1)
    sweeps = [tuple(f"{key}={number}" for key, number in each.items()) for each in changes]
    configs = [members_of(dataclasses.replace(plain, sweep=sweep))[0].config for sweep in sweeps]
    runs = [beside(table._run, table._state, config, Path(), member="")[0] for config in configs]
    states = [jax.tree.map(jnp.copy, table._state) for _ in runs]
    program = dispatch.compile_turn(runs, STUDENTS[0], states)
    if len(runs) == 1:
        return program(states[0], runs[0].teacher_variables, runs[0].game_key, jnp.int32(3))
    states, metrics = program(tuple(states), runs[0].teacher_variables, lockstep.own(runs), jnp.int32(3))
    return list(zip(states, metrics, strict=True))


def test_every_number_reaches_the_game(table, monkeypatch):
    """And each in its own place: whoever has them all plays as one does that has them as constants."""
    monkeypatch.setattr("akd_jax.sweep.LONGEST_NAME", 1000)
    first, *others, everything = played(table, [{}, *({key: number} for key, number in CHANGED.items()), CHANGED])
    for key, (state, _) in zip(CHANGED, others, strict=True):
        assert not equal(state, first[0]), key
    _, wanted = played(table, [CHANGED])
    for found, alone in zip(jax.tree.leaves(everything[1]), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(found, alone, rtol=1e-4)
