"""The runs of a sweep: what all have is prepared once."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from akd_jax import workdir
from akd_jax.config import Config
from akd_jax.experiment import initial_state, starting_from
from akd_jax.training.found import Found, read
from akd_jax.training.run import Run, assemble, keys_of, method_with
from akd_jax.training.sweep import Member
from akd_jax.types import AKDState, Variables


def read_all(members: Sequence[Member], directory: Path, *, force: bool, fetch: bool) -> Found:
    """As `read`, for the runs of all members in `directory`."""
    first, *others = members
    places = [directory / member.name for member in others]
    found = read(first.config, directory / first.name, force=force, fetch=fetch, others=places)
    for member, place in zip(others, places, strict=True):
        workdir.check(place, member.config, found.facts.digests, force=force)
    return found


def assemble_all(members: Sequence[Member], directory: Path, found: Found) -> tuple[list[Run], list[AKDState]]:
    """Each member's run in its part of `directory`, and its first state."""
    first, *others = members
    run, state = assemble(first.config, directory / first.name, found)
    runs, states = [run._replace(member=first.name, in_step=len(members))], [state]
    for member in others:
        another, begun = beside(run, member.config, found.starts)
        place = directory / member.name
        runs.append(another._replace(directory=place, member=member.name, in_step=len(members)))
        states.append(begun)
    return runs, states


def beside(run: Run, config: Config, starts: Mapping[str, Variables]) -> tuple[Run, AKDState]:
    """Another run of the same networks, teacher and images as `assemble` gave, with its first state.

    config: differs from the run's in seed and in numbers that change no shape. starts: as found for `run`.
    """
    keys = keys_of(config)
    another = run._replace(
        config=config,
        given=run.given.replace(order=keys.order) if run.lessons_info else run.given,
        experiment=run.experiment._replace(method=method_with(run, config)),
        game_key=keys.game,
        sample_key=keys.sample,
    )
    # By the first one's method, which is compiled; what differs moves players and does not make them.
    return another, starting_from(initial_state(run.experiment, keys.players), starts)
