"""Where images come from: the splits that there are, and how to read them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from akd_jax.data.images import Part


class Source(NamedTuple):
    """sizes: split -> images in it; names: of the classes, () where not known; read: splits -> one Part each.

    `read` raises InputError for files that are damaged or not of the form.
    """

    sizes: dict[str, int]
    names: tuple[str, ...]
    read: Callable[[Sequence[str]], list[Part]]
