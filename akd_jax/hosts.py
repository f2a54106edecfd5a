"""The devices that play."""

import jax

from akd_jax.config import MeshConfig
from akd_jax.errors import InputError


def devices(wanted: MeshConfig) -> list[jax.Device]:
    """Those that play. Raises InputError where there are too few."""
    there = jax.devices()
    if wanted.data > len(there):
        seen = f"{len(there)} device{'s' * (len(there) > 1)} ({there[0].platform})"
        raise InputError(f"mesh.data={wanted.data}: there is no such number of devices: JAX sees {seen}")
    return there[: wanted.data]
