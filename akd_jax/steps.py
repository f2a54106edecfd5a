"""Steps made of steps."""

from collections import OrderedDict
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import lax

from akd_jax.norm import norm
from akd_jax.platforms import by_platform
from akd_jax.types import AKDState, Array, Metrics, Step, Variables


def guarded(step: Step, name: str) -> Step:
    """The step if it comes out finite; otherwise none is taken: the whole state stays as it was.

    What must be finite: the step's metrics, so a method's steps report their losses and their gradients' norms, and the
    players' new batch statistics. It reports too, as `{name}_faults`, what was not: quantity -> [] bool, the losses
    first, as the step reports them; all False where the step was taken.
    """

    def tried(state, teacher, key):
        after, metrics = step(state, teacher, key)
        # Ordered, for JAX sorts the keys of a dict.
        faults = OrderedDict((quantity, ~jnp.isfinite(value).all()) for quantity, value in _quantities(metrics))
        stats_before = _batch_stats(state)
        for player, stats in _batch_stats(after).items():
            if moved := [new for new, old in zip(stats, stats_before[player], strict=True) if new is not old]:
                faults[f"batch statistics of {player}"] = ~jnp.isfinite(norm(moved))
        # A root, since whatever is less dear XLA works out anew in the kernel of each of the state's arrays: programs
        # would be half as large again.
        taken = jnp.sqrt(jnp.stack([*faults.values()]).any().astype(jnp.float32)) == 0
        kept = jax.tree.map(lambda new, old: new if new is old else lax.select(taken, new, old), after, state)
        return kept, metrics | {f"{name}_faults": faults}

    return tried


def _quantities(metrics: Metrics) -> list[tuple[str, Array]]:
    """(name, value) of each: "generator_loss", "student_loss of NAME"."""
    return [
        (" of ".join([key, *(str(entry.key) for entry in path)]), value)
        for key, values in metrics.items()
        for path, value in jax.tree.leaves_with_path(values)
    ]


def _batch_stats(state: AKDState) -> dict[str, list[Array]]:
    """Of each player."""
    players = {**state.students, "generator": state.generator}
    return {name: jax.tree.leaves(player.batch_stats) for name, player in players.items() if player}


def averaged(metrics: Metrics, axis: int | tuple[int, ...] = 0) -> Metrics:
    """Means of metrics over these axes, each of the steps where it is finite, NaN if it is so at none.

    What is true or false is kept for every step.
    """
    return jax.tree.map(
        lambda values: values if values.dtype == bool else values.mean(axis, where=jnp.isfinite(values)), metrics
    )


def repeat(step: Step, times: int) -> Step:
    """The step `times` times, each with a key of its own; metrics are `averaged` over the repetitions."""

    def repeated(state, teacher, key):
        state, metrics = lax.scan(lambda state, key: step(state, teacher, key), state, jax.random.split(key, times))
        return state, averaged(metrics)

    return repeated


def in_turn(*steps: Step, deal: Callable[[Array, int], Sequence[Array]] = jax.random.split) -> Step:
    """One step after the other; together they report the metrics of all.

    deal: (key, how many steps) -> the key of each, by default its own.
    """

    def joined(state, teacher, key):
        metrics = {}
        for step, step_key in zip(steps, deal(key, len(steps)), strict=True):
            state, reported = step(state, teacher, step_key)
            if twice := metrics.keys() & reported.keys():
                raise ValueError(f"two steps of one round report {', '.join(twice)}")
            metrics |= reported
        return state, metrics

    return joined


def numbered(round: Step) -> Step:
    """The round, counted in `state.step`, with a key of its own: the run's key with its number folded in.

    So a run resumes from its state and its key alone.
    """

    def counted(state, teacher, key):
        state, metrics = round(state, teacher, jax.random.fold_in(key, state.step))
        return state.replace(step=state.step + 1), metrics

    return counted


def run_rounds(round: Step, num_rounds: int) -> Step:
    """`num_rounds` rounds as one `lax.scan`; metrics lead with [num_rounds], and `state.step` has counted them.

    Five rounds and five more are ten: see `numbered`.
    """
    one = numbered(round)

    def rounds(state, teacher, key):
        return lax.scan(lambda state, _: one(state, teacher, key), state, length=num_rounds)

    return rounds


def members(step: Step) -> Step:
    """One step for many games: state and key have a leading axis of members, the teacher is everybody's; metrics too.

    A member has a key of its own, and numbers of its own wherever its state has them: weights, or hyper-parameters that
    an optimizer keeps in its state. `jax.vmap(method.init)(keys)` makes such a state. It goes round everything else
    (`members(run_rounds(...))`), since every member counts its own rounds.

    Members take the step together (`jax.vmap`), but on CPU one after another: there XLA makes of convolutions with
    a kernel a member grouped ones, which are 4 to 9 times slower a member.
    """
    together = jax.vmap(step, (0, None, 0))

    def one_after_another(states, teacher, keys):
        return lax.map(lambda member: step(member[0], teacher, member[1]), (states, keys))

    return by_platform(one_after_another, together)


def run_rounds_up_to(round: Step, most: int) -> Callable[[AKDState, Variables, Array, Array], tuple[AKDState, Metrics]]:
    """`run_rounds` for a number of rounds that is an argument: (state, teacher, key, rounds [] int32) -> the same.

    Metrics are [most], of which the first `rounds` were played; the others are 0. One program plays any number up to
    `most`, so how many are played at a time leaves no trace in the numbers: programs of one round and of ten round
    differently, since XLA takes apart a loop that it knows to turn once.
    """

    one = jax.jit(numbered(round))  # traced for its metrics' shapes and for the loop, but once

    def rounds_of(state, teacher, key, rounds):
        def body(i, played):
            state, kept = played
            state, metrics = one(state, teacher, key)
            return state, jax.tree.map(lambda values, value: values.at[i].set(value), kept, metrics)

        _, metrics = jax.eval_shape(one, state, teacher, key)
        nothing = jax.tree.map(lambda metric: jnp.zeros((most, *metric.shape), metric.dtype), metrics)
        return lax.fori_loop(0, rounds, body, (state, nothing))

    return rounds_of
