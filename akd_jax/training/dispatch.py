"""One call of a compiled program: rounds played, and what they report."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from akd_jax import metrics
from akd_jax.compilation import bytes_of, compiled
from akd_jax.errors import NonFiniteError, warn
from akd_jax.schedule import Dispatch
from akd_jax.steps import numbered, run_rounds_up_to
from akd_jax.training import lockstep, skips
from akd_jax.training.progress import Progress
from akd_jax.training.run import Run
from akd_jax.training.seat import Seat
from akd_jax.training.skips import Skips
from akd_jax.types import AKDState, Metrics


class Program(NamedTuple):
    """A dispatch of a turn, of any number of rounds up to an epoch's, compiled for one run or for several in step.

    play: (states, rounds) -> (states, metrics) of each; the states before are overwritten. memory: bytes that it takes
    on each device, 0 where the platform does not tell.
    """

    play: Callable[[Sequence[AKDState], int], tuple[Sequence[AKDState], Sequence[Metrics]]]
    memory: int


def compile_turn(runs: Sequence[Run], turn: str, states: Sequence[AKDState]) -> Program:
    """For these runs; states: theirs."""
    run, most, alone = runs[0], runs[0].schedule.rounds_per_epoch, len(runs) == 1
    if alone:
        rounds_of, own = run_rounds_up_to(run.experiment.method.turns[turn].round, most), run.game_key
    else:
        rounds_of, own = lockstep.rounds_up_to(run, turn, most), lockstep.own_of(runs)

    def arguments(states: Sequence[AKDState], rounds: int):
        return states[0] if alone else tuple(states), run.given, own, np.int32(rounds)

    def played(states: Sequence[AKDState], rounds: int):
        found = program(*arguments(states, rounds))
        return tuple([each] for each in found) if alone else found

    how = {"options": run.options, "donate": 0, "results": run.placement.results}
    program = compiled(rounds_of, *arguments(states, 0), **how)
    return Program(played, bytes_of(program))


def play(seats: Sequence[Seat], dispatch: Dispatch, program: Program) -> list[Seat]:
    """Plays the rounds of a dispatch and records them.

    Raises NonFiniteError once too many steps in a row were not finite.
    """
    before = jax.tree.map(jnp.copy, seats[0].now.state) if seats[0].run.config.debug_nans else None
    started = time.monotonic()
    states, played = program.play([seat.now.state for seat in seats], dispatch.rounds)
    played = jax.tree.map(lambda values: values[: dispatch.rounds], jax.device_get(played))
    seconds = time.monotonic() - started
    after = []
    for seat, state, metrics_of_it in zip(seats, states, played, strict=True):
        now, skipped = _record(seat, dispatch, state, metrics_of_it, seconds)
        if before is not None and (bad := skips.first(skipped)):
            raise NonFiniteError(_name_operation(seat.run, bad, dispatch, program, before))
        for kind in skipped:
            now = _count(seat.run, now, kind, dispatch)
        after.append(seat._replace(now=now))
    return after


def _record(
    seat: Seat, dispatch: Dispatch, state: AKDState, played: Metrics, seconds: float
) -> tuple[Progress, list[Skips]]:
    """Writes down what a run played; (its progress with that, the steps that were left out)."""
    run, now = seat.run, seat.now
    turn = run.experiment.method.turns[dispatch.turn]
    measured, skipped = skips.split(played, tuple(turn.steps))
    seat.recorder.add(
        metrics.train_rows(
            {
                name: _of_student(measured, name) | {"skipped_steps": skips.by_round(skipped, dispatch.rounds)}
                for name in turn.students
            },
            after=dispatch.start,
            rounds=dispatch.rounds,
            epoch=dispatch.epoch + 1,
            seed=run.config.seed,
            seconds=seconds / dispatch.rounds,
        )
    )
    now = now._replace(
        state=state,
        seconds=now.seconds + seconds,
        teacher_queries=now.teacher_queries + dispatch.rounds * turn.teacher_queries,
        flops=now.flops + dispatch.rounds * run.flops[dispatch.turn],
    )
    return now, skipped


def _count(run: Run, now: Progress, kind: Skips, dispatch: Dispatch) -> Progress:
    """Remembers how many of these steps of the turn were left out in a row at the dispatch's end.

    Raises NonFiniteError where they were too many at any time.
    """
    name, after = f"{kind.step} of {dispatch.turn}", dispatch.start
    counts = kind.in_a_row(now.skipped.get(name, 0))
    most = run.config.schedule.max_skipped
    if counts.max() >= most:
        raise NonFiniteError(
            f"{run.label}{kind.describe(int(np.argmax(counts >= most)), after=after)} is not finite, and {most} such "
            f"steps in a row had to be left out: lower the learning rates and run again in another --workdir; "
            f"{run.directory} stays as it was last saved, which --force goes on from"
        )
    if kind.skipped.any():
        what = kind.describe(int(np.argmax(kind.skipped)), after=after)
        warn(f"{run.label}{what} is not finite; {kind.skipped.sum()} of {kind.skipped.size} such steps were left out")
    return now._replace(skipped={**now.skipped, name: int(counts[-1])})


def _name_operation(run: Run, kind: Skips, dispatch: Dispatch, program: Program, before: AKDState) -> str:
    """Plays the first bad round again without compiling it; before: the state at the dispatch's start."""
    first = int(np.argmax(kind.skipped))
    what = f"{kind.describe(first, after=dispatch.start)} is not finite"
    (state,), _ = program.play([before], first // kind.skipped.shape[1])
    warn(f"{what}: its round is played again, operation by operation")
    try:
        with jax.debug_nans(True), jax.disable_jit():
            numbered(run.experiment.method.turns[dispatch.turn].round)(state, run.given, run.game_key)
    except FloatingPointError as error:
        return f"{what}: {error}"
    return f"{what}, but no operation gives NaN (one may overflow, or only as compiled)"


def _of_student(played: Metrics, name: str) -> dict[str, np.ndarray]:
    """The metrics [rounds] that are the student's own or everybody's."""
    return {key: values[name] if isinstance(values, Mapping) else values for key, values in played.items()}
