"""One function in two forms, chosen by the platform that a program is lowered for, not by the machine at hand."""

from collections.abc import Callable
from functools import partial

from jax import lax


def by_platform(on_cpu: Callable, elsewhere: Callable) -> Callable:
    """A function that is `on_cpu` in programs for CPU and `elsewhere` in all others; both give the same shapes."""
    return partial(lax.platform_dependent, cpu=on_cpu, default=elsewhere)
