"""Too little memory on a device: what to do about it."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax

from akd_jax.config import Config
from akd_jax.errors import OutOfMemoryError
from akd_jax.families import family_of
from akd_jax.training.sweep import is_sweep


@contextmanager
def advising(config: Config) -> Iterator[None]:
    """Raises OutOfMemoryError, which says which settings take less, where a device of a run of these has too little.

    Around what the first of several processes does by itself, also so that the others can be told (`hosts.TELLABLE`).
    """
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise OutOfMemoryError(
            f"out of memory ({str(error).splitlines()[0]:.200}): {'; '.join(_advice(config))}; what was saved is intact"
        ) from error


def _advice(config: Config) -> Iterator[str]:
    yield f"give a smaller --config.batch_size than {config.batch_size} (with --force in the same --workdir)"
    if is_sweep(config):
        yield "or fewer members of the sweep in another --workdir"
    else:
        yield f"or a larger --config.mesh.data than {config.mesh.data}, where there are more devices"
    family = family_of(config)
    if family.keeps:
        capacity = getattr(config, family.group).bank_capacity
        yield f"or a smaller --config.{family.group}.bank_capacity than {capacity}, in another --workdir"
    else:
        yield (
            f"or a larger --config.accumulate than {config.accumulate}, in another --workdir, since optimizers then "
            "keep sums of gradients too"
        )
    yield (
        f"or, if it happened while measuring, a smaller --config.evaluation.batch_size than "
        f"{config.evaluation.batch_size}"
    )
