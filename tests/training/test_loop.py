"""The host loop: what it compiles, and what crosses to the device while it plays."""

from collections import Counter
from contextlib import contextmanager

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from commands import GAME, TINY, status
from tiny_game import make_game
from tiny_models import STUDENTS

from akd_jax import metrics, workdir
from akd_jax.cli import train
from akd_jax.compilation import compiled
from akd_jax.steps import run_rounds_up_to
from akd_jax.training import loop

COMPILED = "/jax/core/compile/backend_compile_duration"


@contextmanager
def diary(monkeypatch):
    """What happens, in order: the names of functions that are compiled, and the rounds whose rows are written."""
    entries, append = [], metrics.append

    def noting(path, rows):
        rows = list(rows)
        append(path, rows)
        entries.extend(row["round"] for row in rows)

    def listen(event, _, **labels):
        if event == COMPILED:
            entries.append(labels["fun_name"])

    jax.monitoring.register_event_duration_secs_listener(listen)
    with monkeypatch.context() as patch:
        patch.setattr(metrics, "append", noting)
        yield entries
    jax.monitoring.unregister_event_duration_listener(listen)


def programs(entries):
    """How many programs of rounds were compiled."""
    return Counter(map(str, entries))["jit(rounds_of)"]


def between(entries, first, last):
    """What was compiled after the first row of round `first` and before the first of round `last`."""
    return [entry for entry in entries[entries.index(first) : entries.index(last)] if isinstance(entry, str)]


def test_one_program_a_turn_and_nothing_compiled_after_the_first_epoch(tmp_path, monkeypatch):
    """Two students, four epochs of 2 + 2 rounds with an evaluation and samples each, some of it traced."""
    command = (*GAME, f"--config.students={STUDENTS}",
               "--config.schedule.epochs=4", "--config.schedule.rounds_per_dispatch=0",
               "--config.sample_every_epochs=1", "--config.profile_dispatches=1", "--workdir", tmp_path)  # fmt: skip
    with diary(monkeypatch) as entries:
        assert status(train, *command) == 0
    assert programs(entries) == 2
    assert between(entries, 1, 4) == [], "between dispatches"
    assert between(entries, 4, 5) != [], "the first evaluation"
    assert between(entries, 5, 16) == []
    (trace,) = (tmp_path / workdir.PROFILE).rglob("*.xplane.pb")
    assert b"rounds_of" in trace.read_bytes()


def test_a_resumed_run_compiles_its_programs_once_too(tmp_path, monkeypatch):
    command = (*TINY, "--config.evaluation.data=", "--workdir", tmp_path)
    conclude, interrupted = loop.conclude, []

    def interrupting(*arguments):
        if not interrupted:
            interrupted.append(True)
            return conclude(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "conclude", interrupting)
        assert status(train, *command) == 130
    with diary(monkeypatch) as entries:
        assert status(train, *command) == 0
    assert [entry for entry in entries if isinstance(entry, int)] == [3, 4, 4]  # and the generator's
    assert programs(entries) == 1
    assert between(entries, 3, 4) == []


@pytest.fixture(scope="module")
def dispatch():
    """(its program, its arguments but for the state, states that are there already)."""
    game = make_game()
    rest = game.teacher_variables, jax.random.key(3), jnp.int32(2)
    rounds = run_rounds_up_to(game.method.turns["large"].round, 4)
    return compiled(rounds, game.state, *rest, options={}, donate=0), rest, game.state


def test_nothing_goes_between_host_and_device_inside_a_dispatch(dispatch):
    program, rest, state = dispatch
    state = jax.tree.map(jnp.copy, state)
    with jax.transfer_guard("disallow"):
        for _ in range(2):
            state, played = program(state, *rest)
        jax.block_until_ready(played)
    assert state.step == 4
    assert "callback" not in program.as_text()  # which the guard does not see


def test_what_is_on_the_host_would_be_noticed(dispatch):
    program, (teacher, key, _), state = dispatch
    state = jax.tree.map(jnp.copy, state)
    with jax.transfer_guard("disallow"), pytest.raises(RuntimeError, match="Disallowed host-to-device transfer"):
        program(state, teacher, key, np.int32(2))
