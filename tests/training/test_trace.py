"""The profiler's trace of a run."""

import jax
import jax.numpy as jnp
import pytest

from akd_jax.schedule import Dispatch
from akd_jax.training.trace import Trace


def play(directory, *, count, dispatches, ending=None):
    """One round each of the turn "small"; ending: the round in which an error ends it."""
    double = jax.jit(lambda x: 2 * x)
    with Trace(directory, count) as trace:
        for start in range(dispatches):
            with trace.around(Dispatch("small", 0, start, 1)):
                double(jnp.ones(4)).block_until_ready()
                if start == ending:
                    raise ZeroDivisionError


def steps_in(directory):
    """Numbers of the rounds that the steps of the turn begin with."""
    (file,) = directory.rglob("*.xplane.pb")
    events = [
        event
        for plane in jax.profiler.ProfileData.from_file(str(file)).planes
        for line in plane.lines
        for event in line.events
    ]
    return sorted({dict(event.stats)["step_num"] for event in events if event.name == "small"})


def test_dispatches_after_the_first_are_traced(tmp_path):
    play(tmp_path, count=2, dispatches=4)
    assert steps_in(tmp_path) == [1, 2]
    assert list(tmp_path.rglob("*.trace.json.gz")), "for Perfetto"


def test_a_trace_that_an_error_cuts_short_is_written(tmp_path):
    with pytest.raises(ZeroDivisionError):
        play(tmp_path, count=3, dispatches=4, ending=1)
    assert steps_in(tmp_path) == [1]


def test_a_trace_that_cannot_be_written_ends_no_run(tmp_path, monkeypatch, capsys):
    stop = jax.profiler.stop_trace

    def full():
        stop()
        raise RuntimeError("no space left")

    monkeypatch.setattr(jax.profiler, "stop_trace", full)
    play(tmp_path, count=1, dispatches=3)
    said = capsys.readouterr().err
    assert said.startswith(f"warning: no trace could be written to {tmp_path}") and "no space left" in said


def test_nothing_is_traced_unless_it_is_wanted(tmp_path, capsys):
    play(tmp_path, count=0, dispatches=3)
    assert capsys.readouterr().err == "" and not any(tmp_path.iterdir())


def test_a_first_dispatch_alone_is_not_traced(tmp_path, capsys):
    play(tmp_path, count=2, dispatches=1)
    assert capsys.readouterr().err.startswith("warning: nothing was traced") and not any(tmp_path.iterdir())
