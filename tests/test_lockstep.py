"""A member of a sweep is the run that it would be by itself."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from stage import STUDENTS, tiny
from tiny_game import equal

from akd_jax import dispatch, lockstep, steps
from akd_jax.run import prepare
from akd_jax.sweep import SWEEPABLE, members_of
from akd_jax.sweep_runs import beside

COSINE = {"schedule": "cosine", "final": 0.5}
PLAYED = {
    "akd": {
        **{f"{player}_optimizer.{key}": value for player in ("student", "generator") for key, value in COSINE.items()},
        "adversarial.objective": "kl",
        "adversarial.diversity_weight": 0.1,
    },
    "supervised": {
        **{f"student_optimizer.{key}": value for key, value in COSINE.items()},
        "student_optimizer.warmup": 0.2,
        "supervised.split": "train[:24]",
    },
}
"""Methods, with settings in which every number that can be swept has a part; the students see eight images a round."""
FOREIGN = {"akd": ("supervised",), "supervised": ("generator_optimizer", "adversarial")}
ROUNDS = 3


class Table:
    """A run that is prepared, and others beside it: (state, metrics) of each after ROUNDS, all by one program."""

    def __init__(self, method, directory):
        self.run, self.state = prepare(tiny(PLAYED[method] | {"method": method}), directory, force=False, fetch=False)
        keys = [key for key in SWEEPABLE if key.split(".")[0] not in FOREIGN[method]]
        self.changed = dict.fromkeys(keys, 0.25) | {"student_optimizer.learning_rate": 0.05}

    def beside(self, changes, seed=0):
        sweep = tuple(f"{key}={number}" for key, number in changes.items())
        (member,) = members_of(dataclasses.replace(self.run.config, seed=seed, num_seeds=1, sweep=sweep))
        return beside(self.run, self.state, member.config)[0]

    def play(self, runs):
        states = [jax.tree.map(jnp.copy, self.state) for _ in runs]
        program = dispatch.compile_turn(runs, STUDENTS[0], states)
        if len(runs) == 1:
            return [program(states[0], runs[0].given, runs[0].game_key, jnp.int32(ROUNDS))]
        states, metrics = program(tuple(states), runs[0].given, lockstep.own(runs), jnp.int32(ROUNDS))
        return list(zip(states, metrics, strict=True))


@pytest.fixture(scope="module", params=PLAYED)
def table(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("akd_jax.sweep.LONGEST_NAME", 1000)
        table = Table(request.param, tmp_path_factory.mktemp("table"))
        table.everything = table.beside(table.changed, seed=1)
    return table


@pytest.fixture(scope="module")
def alone(table):
    """The metrics of the run in which everything is changed, its numbers constants of the program."""
    ((_, metrics),) = table.play([table.everything])
    return metrics


def assert_close(found, wanted, rtol):
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol)


def test_every_number_reaches_the_game(table, alone):
    """And each in its own place: whoever has them all plays as one does that has them as constants."""
    single = [table.beside({key: number}) for key, number in table.changed.items()]
    first, *others, everything = table.play([table.run, *single, table.everything])
    for key, (state, _) in zip(table.changed, others, strict=True):
        assert not equal(state, first[0]), key
    assert_close(everything[1], alone, rtol=1e-4)


def test_members_that_move_together_do_so_too(table, alone, monkeypatch):
    """As on accelerators, to rounding, which grows from round to round."""
    monkeypatch.setattr(steps, "by_platform", lambda on_cpu, elsewhere: elsewhere)
    _, everything = table.play([table.run, table.everything])
    assert_close(everything[1], alone, rtol=2e-3)


def test_what_is_their_own(table):
    """Keys, and the numbers that differ; no others."""
    rate, seed = table.beside({"student_optimizer.learning_rate": 0.05}), table.beside({}, seed=1)
    own = lockstep.own([table.run, rate, seed])
    assert {key: values.tolist() for key, values in own.numbers.items()} == {
        "student_optimizer.learning_rate": np.float32([0.1, 0.05, 0.1]).tolist()
    }
    for keys in [own.keys, own.orders] if table.run.lessons_info else [own.keys]:
        first, second, third = jax.random.key_data(keys)
        assert equal(first, second) and not equal(first, third)
