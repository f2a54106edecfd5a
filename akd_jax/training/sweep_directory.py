"""A sweep's directory: who plays in it, and what is told there."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from akd_jax import files, workdir
from akd_jax.errors import InputError
from akd_jax.training import sweep_results
from akd_jax.training.sweep import Member


def check(members: Sequence[Member], directory: Path) -> None:
    """Raises InputError where `directory` cannot be written, or holds something else than a sweep of these members."""
    workdir.check_writable(directory, "--workdir")
    if (directory / workdir.SWEEP).exists():
        held, wanted = files.read_json(directory / workdir.SWEEP).get("members"), sweep_results.record(members)
        if held != wanted:
            raise InputError(
                f"{directory} holds a sweep of other members ({_brief(held)}; now {_brief(wanted)}), and nobody can "
                "join or leave it: take another --workdir"
            )
        lost = [name for name in wanted if not (directory / name / workdir.CONFIG).exists()]
        if lost and any(directory.glob(f"*/{workdir.CHECKPOINTS}/*")):
            raise InputError(
                f"{directory} is a damaged sweep: {lost[0]}, which has played with the others, is gone; put it back, "
                "or take another --workdir"
            )
    elif others := [path.name for path in directory.glob("*") if not path.name.startswith(".")]:
        raise InputError(f"{directory} is no sweep, and not empty ({others[0]}, ...): give another --workdir")


@contextmanager
def alone(name: str, members: Sequence[Member], directory: Path) -> Iterator[None]:
    """In `directory`, and in that of each member, which are there from now on; at the end sweep.json tells of all.

    name: of the config. Raises as `check`, `workdir.locked`.
    """
    with ExitStack() as locks:
        locks.enter_context(workdir.alone(directory))
        check(members, directory)  # another may have begun meanwhile
        if not (directory / workdir.SWEEP).exists():  # before anything that only a sweep has
            _tell(name, members, directory)
        for member in members:
            locks.enter_context(workdir.alone(directory / member.name))
        yield
        _tell(name, members, directory)


def _tell(name: str, members: Sequence[Member], directory: Path) -> None:
    """Writes sweep.json, from what the members have told of themselves."""
    summaries = {member.name: directory / member.name / workdir.SUMMARY for member in members}
    found = {name: files.read_json(path) for name, path in summaries.items() if path.exists()}
    files.write_json(directory / workdir.SWEEP, sweep_results.summarise(name, members, found))


def _brief(members: Iterable[str] | None) -> str:
    """Their number, the first and the last of them."""
    names = list(members or [])
    return f"{len(names)}: {names[0]} ... {names[-1]}" if len(names) > 1 else ", ".join(names) or "none"
