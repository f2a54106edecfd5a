"""The profiler's trace of a run."""

import jax
import pytest
from stage import STUDENTS, Stage

from akd_jax import dispatch, workdir


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Two epochs of three dispatches of one round."""
    return Stage(tmp_path_factory.mktemp("stage"), {"evaluation.data": "", "profile_dispatches": 2})


def steps_in(directory):
    """(names on the trace's host, numbers of the rounds that its steps of the student's turn begin with)."""
    (file,) = directory.rglob("*.xplane.pb")
    events = [
        event
        for plane in jax.profiler.ProfileData.from_file(str(file)).planes
        for line in plane.lines
        for event in line.events
    ]
    numbers = {dict(event.stats)["step_num"] for event in events if event.name == STUDENTS[0]}
    return {event.name for event in events}, sorted(numbers)


def test_dispatches_after_the_first_are_traced(stage, tmp_path):
    stage.train(tmp_path)
    names, numbers = steps_in(tmp_path / workdir.PROFILE)
    assert numbers == [1, 2]
    assert any("rounds_of" in name for name in names), "the program's name"
    assert list((tmp_path / workdir.PROFILE).rglob("*.trace.json.gz")), "for Perfetto"


def test_a_trace_that_an_error_cuts_short_is_written(stage, tmp_path):
    def play(run, now, planned, program, recorder):
        if planned.start == 2:
            raise ZeroDivisionError
        return dispatch_play(run, now, planned, program, recorder)

    dispatch_play = dispatch.play
    with pytest.raises(ZeroDivisionError):
        stage.train(tmp_path, play=play)
    assert steps_in(tmp_path / workdir.PROFILE)[1] == [1, 2]


def test_a_trace_that_cannot_be_written_ends_no_run(stage, tmp_path, monkeypatch, capsys):
    stop = jax.profiler.stop_trace

    def full():
        stop()
        raise RuntimeError("no space left")

    monkeypatch.setattr(jax.profiler, "stop_trace", full)
    stage.train(tmp_path)
    said = capsys.readouterr()
    assert "warning: no trace could be written to" in said.err and "no space left" in said.err
    assert "finished 6 rounds" in said.out
