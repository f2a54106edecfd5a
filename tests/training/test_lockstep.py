"""A member of a sweep is the run that it would be by itself."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from stage import STUDENTS, tiny
from tiny_game import equal

from akd_jax import steps
from akd_jax.training import dispatch, lockstep
from akd_jax.training.found import read
from akd_jax.training.run import assemble
from akd_jax.training.sweep import SWEEPABLE, members_of
from akd_jax.training.sweep_runs import beside

COSINE = {"schedule": "cosine", "final": 0.5}
PLAYED = {
    "akd": {
        **{f"{player}_optimizer.{key}": value for player in ("student", "generator") for key, value in COSINE.items()},
        "adversarial.objective": "kl",
        "adversarial.diversity_weight": 0.1,
        "generator.width": 8,
    },
    "supervised": {
        **{f"student_optimizer.{key}": value for key, value in COSINE.items()},
        "student_optimizer.warmup": 0.2,
        "supervised.split": "train[:24]",
    },
}
"""Methods, with settings in which every number that can be swept has a part; the students see eight images a round."""
GENTLE = {
    "student_optimizer.learning_rate": 0.05,
    "generator_optimizer.learning_rate": 0.002,
    "adversarial.temperature": 3.0,
}
"""Or what two programs round differently is another game after three rounds."""
FOREIGN = {"akd": ("supervised",), "supervised": ("generator_optimizer", "adversarial")}
ROUNDS = 3


class Table:
    """A run that is prepared, and others beside it: (state, metrics) of each after ROUNDS, all by one program."""

    def __init__(self, method, directory):
        config = tiny(PLAYED[method] | {"method": method})
        self.run, self.state = assemble(config, directory, read(config, directory, force=False, fetch=False))
        keys = [key for key in SWEEPABLE if key.split(".")[0] not in FOREIGN[method]]
        self.changed = {key: GENTLE.get(key, 0.25) for key in keys}
        self.everything = self.beside(self.changed, seed=1)

    def beside(self, changes, seed=0):
        sweep = tuple(f"{key}={number}" for key, number in changes.items())
        (member,) = members_of(dataclasses.replace(self.run.config, seed=seed, num_seeds=1, sweep=sweep))
        return beside(self.run, member.config, {})[0]

    def play(self, runs):
        states = [jax.tree.map(jnp.copy, self.state) for _ in runs]
        program = dispatch.compile_turn(runs, STUDENTS[0], states)
        return list(zip(*program.play(states, ROUNDS), strict=True))


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("akd_jax.training.sweep.LONGEST_NAME", 1000)
        return {method: Table(method, tmp_path_factory.mktemp("table")) for method in PLAYED}


def assert_played_as_alone(table, metrics, rtol):
    """By the run in which everything is changed, whose numbers are constants of a program of its own."""
    ((_, wanted),) = table.play([table.everything])
    for one, other in zip(jax.tree.leaves(metrics), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol)


@pytest.mark.slow
def test_every_number_reaches_the_game(tables):
    """And each in its own place: whoever has them all plays as one does that has them as constants."""
    table = tables["akd"]
    single = [table.beside({key: number}) for key, number in table.changed.items()]
    first, *others, everything = table.play([table.run, *single, table.everything])
    for key, (state, _) in zip(table.changed, others, strict=True):
        assert not equal(state, first[0]), key
    assert_played_as_alone(table, everything[1], rtol=1e-4)


def test_members_that_move_together(tables, monkeypatch):
    """As on accelerators, to rounding, which grows from round to round."""
    monkeypatch.setattr(steps, "by_platform", lambda on_cpu, elsewhere: elsewhere)
    table = tables["supervised"]
    _, everything = table.play([table.run, table.everything])
    assert_played_as_alone(table, everything[1], rtol=2e-3)


@pytest.mark.parametrize("method", PLAYED)
def test_what_is_their_own(tables, method):
    """Keys, and the numbers that differ; no others."""
    table = tables[method]
    rate, seed = table.beside({"student_optimizer.learning_rate": 0.05}), table.beside({}, seed=1)
    own = lockstep.own_of([table.run, rate, seed])
    assert {key: values.tolist() for key, values in own.numbers.items()} == {
        "student_optimizer.learning_rate": np.float32([0.1, 0.05, 0.1]).tolist()
    }
    for keys in [own.keys, own.orders] if table.run.lessons_info else [own.keys]:
        first, second, third = jax.random.key_data(keys)
        assert equal(first, second) and not equal(first, third)
