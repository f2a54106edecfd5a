"""Methods by name: (teacher, students, generator, **settings) -> Method; the supervised one has no generator.

A new name is one entry here; a new family is one too, one in `families.FAMILIES`, and settings of its own in `config`,
which `config.Config` has under their name.
"""

from collections.abc import Callable

from akd_jax.methods.adversarial import adversarial
from akd_jax.methods.cmi import cmi
from akd_jax.methods.dafl import dafl
from akd_jax.methods.deepinversion import deepinversion
from akd_jax.methods.dfq import dfq
from akd_jax.methods.fast import fast
from akd_jax.methods.nayer import nayer
from akd_jax.methods.players import BATCH_STATS
from akd_jax.methods.spaceship import spaceship
from akd_jax.methods.supervised import supervised
from akd_jax.methods.zskt import zskt
from akd_jax.types import Method

__all__ = ["BATCH_STATS", "METHODS"]

# The seed's game is DFAD's with other numbers and a second student.
METHODS: dict[str, Callable[..., Method]] = {
    "akd": adversarial,
    "dfad": adversarial,
    "zskt": zskt,
    "dafl": dafl,
    "dfq": dfq,
    "fast": fast,
    "nayer": nayer,
    "deepinversion": deepinversion,
    "cmi": cmi,
    "spaceship": spaceship,
    "supervised": supervised,
}
