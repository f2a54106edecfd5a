"""One call of a compiled program: rounds played, and what they report."""

import time
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from akd_jax import hosts, metrics, skips
from akd_jax.compilation import compiled
from akd_jax.errors import NonFiniteError, warn
from akd_jax.progress import Progress
from akd_jax.recorder import Recorder
from akd_jax.run import Run
from akd_jax.schedule import Dispatch
from akd_jax.skips import Skips
from akd_jax.steps import numbered, run_rounds_up_to
from akd_jax.types import AKDState, Metrics

Programs = dict[str, Any]
"""Turn -> its compiled dispatch, of any number of rounds up to an epoch's."""


def compile_turns(run: Run, state: AKDState) -> Programs:
    return {turn: compile_turn(run, turn, state) for turn in run.experiment.method.turns}


def compile_turn(run: Run, turn: str, state: AKDState) -> Any:
    return compiled(
        run_rounds_up_to(run.experiment.method.turns[turn].round, run.schedule.rounds_per_epoch),
        state,
        run.teacher_variables,
        run.game_key,
        run.placement.everywhere(jnp.int32(0)),
        options=run.options,
        donate=0,
        results=run.placement.results(state),
    )


def play(run: Run, now: Progress, dispatch: Dispatch, program: Any, recorder: Recorder | None) -> Progress:
    """Plays the rounds of a dispatch and records them; recorder: the first process's.

    Raises NonFiniteError once too many steps in a row were not finite.
    """
    turn = run.experiment.method.turns[dispatch.turn]
    before = jax.tree.map(jnp.copy, now.state) if run.config.debug_nans else None
    rounds = run.placement.everywhere(jnp.int32(dispatch.rounds))
    started = time.monotonic()
    state, played = program(now.state, run.teacher_variables, run.game_key, rounds)
    played = jax.tree.map(lambda values: values[: dispatch.rounds], jax.device_get(played))
    seconds = hosts.agree(time.monotonic() - started)
    measured, skipped = skips.split(played, tuple(turn.steps))
    rows = metrics.train_rows(
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
    hosts.by_first(lambda: recorder.add(rows))
    now = now._replace(
        state=state,
        seconds=now.seconds + seconds,
        teacher_queries=now.teacher_queries + dispatch.rounds * turn.teacher_queries,
        flops=now.flops + dispatch.rounds * run.flops[dispatch.turn],
    )
    if before is not None and (bad := skips.first(skipped)):
        raise NonFiniteError(_name_operation(run, bad, dispatch, program, before))
    for kind in skipped:
        now = _count(run, now, kind, dispatch)
    return now


def _count(run: Run, now: Progress, kind: Skips, dispatch: Dispatch) -> Progress:
    """Remembers how many of these steps of the turn were left out in a row at the dispatch's end.

    Raises NonFiniteError where they were too many at any time.
    """
    name, after = f"{kind.step} of {dispatch.turn}", dispatch.start
    counts = kind.in_a_row(now.skipped.get(name, 0))
    most = run.config.schedule.max_skipped
    if counts.max() >= most:
        raise NonFiniteError(
            f"{kind.describe(int(np.argmax(counts >= most)), after=after)} is not finite, and {most} such steps in a "
            f"row had to be left out: lower the learning rates and run again in another --workdir; {run.directory} "
            "stays as it was last saved, which --force goes on from"
        )
    if kind.skipped.any() and hosts.is_first():
        what = kind.describe(int(np.argmax(kind.skipped)), after=after)
        warn(f"{what} is not finite; {kind.skipped.sum()} of {kind.skipped.size} such steps were left out")
    return now._replace(skipped={**now.skipped, name: int(counts[-1])})


def _name_operation(run: Run, kind: Skips, dispatch: Dispatch, program: Any, before: AKDState) -> str:
    """Plays the first bad round again without compiling it; before: the state at the dispatch's start."""
    first = int(np.argmax(kind.skipped))
    what = f"{kind.describe(first, after=dispatch.start)} is not finite"
    rounds = first // kind.skipped.shape[1]
    state, _ = program(before, run.teacher_variables, run.game_key, jnp.int32(rounds))
    warn(f"{what}: its round is played again, operation by operation")
    try:
        with jax.debug_nans(True), jax.disable_jit():
            numbered(run.experiment.method.turns[dispatch.turn].round)(state, run.teacher_variables, run.game_key)
    except FloatingPointError as error:
        return f"{what}: {error}"
    return f"{what}, but no operation gives NaN (one may overflow, or only as compiled)"


def _of_student(played: Metrics, name: str) -> dict[str, np.ndarray]:
    """The metrics [rounds] that are the student's own or everybody's."""
    return {key: values[name] if isinstance(values, Mapping) else values for key, values in played.items()}
