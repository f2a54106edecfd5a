"""A sweep's directory: who plays in it, and what is told there; a run's own is that of its only member."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from akd_jax import files, sweep_results, workdir
from akd_jax.config import Config
from akd_jax.sweep import Member, is_sweep


def check(config: Config, members: Sequence[Member], directory: Path) -> None:
    """Raises InputError where `directory` is to be a sweep's, and cannot be written or holds something else."""
    if is_sweep(config):
        workdir.check_sweep(directory, sweep_results.record(members))


@contextmanager
def alone(config: Config, members: Sequence[Member], directory: Path) -> Iterator[None]:
    """In `directory`, and in that of each member, which are there from now on. Raises as `check`, `workdir.locked`."""
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as locks:
        locks.enter_context(workdir.locked(directory))
        check(config, members, directory)  # another may have begun meanwhile
        if is_sweep(config):
            if not (directory / workdir.SWEEP).exists():  # before anything that only a sweep has
                tell(config, members, directory)
            for member in members:
                (directory / member.name).mkdir(exist_ok=True)
                locks.enter_context(workdir.locked(directory / member.name))
        yield


def tell(config: Config, members: Sequence[Member], directory: Path) -> dict[str, Any]:
    """Writes sweep.json, from what the members have told of themselves."""
    summaries = {member.name: directory / member.name / workdir.SUMMARY for member in members}
    found = {name: files.read_json(path) for name, path in summaries.items() if path.exists()}
    told = sweep_results.summarise(config.name, members, found)
    files.write_json(directory / workdir.SWEEP, told)
    return told
