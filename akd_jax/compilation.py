"""How functions become programs: XLA's options, and where programs are kept between processes.

Options go with each program, so nothing that this process or another one compiles elsewhere is touched, and one that
this version of XLA does not know raises instead of aborting the process, as it would in XLA_FLAGS (which still holds).
"""

import ast
import gc
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax

from akd_jax.errors import InputError

Options = Mapping[str, Any]
"""XLA's name of an option -> its value."""

FASTER: dict[str, Options] = {
    "cpu": {
        # Convolutions by Eigen instead of YNNPACK, matrix products still by the latter.
        "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT",
        # A tenth and a twentieth less to compile, and the programs as fast: most of their time is in libraries.
        "xla_backend_optimization_level": 1,
        "xla_llvm_disable_expensive_passes": True,
    },
}
"""Platform -> options that were measured to be faster; each is taken where this version of XLA has it."""

QUICK_TO_COMPILE: Options = {"xla_backend_optimization_level": 0}
"""For programs that run once."""

OFF = "off"
NO_DEVICE = "JAX finds no such device"
UNREADABLE = re.compile(r"Error reading persistent compilation cache entry for '([^']+)'")


def wake(cache: str = "", *, alone: bool = True) -> None:
    """What every command that computes begins with: a look for the platform, and `keep_programs`.

    The CPU stays to be had beside another platform that JAX_PLATFORMS names alone: what is exported is compared there.
    alone: whether no other process plays with this one.
    Raises InputError where JAX_PLATFORMS names what this machine, or this installation of JAX, does not have.
    """
    told = jax.config.jax_platforms
    jax.config.update("jax_platforms", with_cpu(told))
    missing = missing_platform()
    if not missing and with_cpu(told) != told and jax.default_backend() == "cpu":
        missing = NO_DEVICE  # JAX passes over a platform whose plugin is not installed
    if missing:
        raise InputError(
            f"JAX_PLATFORMS={told}: {missing}; install '.[cuda]' or '.[tpu]' where there is one, "
            "or set JAX_PLATFORMS=cpu"
        )
    # JAX keeps what the first process compiles (jax/_src/compiler.py). Another, which does not find it, compiles alone,
    # and on GPUs waits up to a day to hear which kernels the first found to be fast (openxla/xla, pull request 16153).
    keep_programs(cache or ("" if alone else OFF))


def with_cpu(platforms: str | None) -> str | None:
    """JAX_PLATFORMS with the CPU last, where it names others alone."""
    return f"{platforms},cpu" if platforms and "cpu" not in platforms.split(",") else platforms


def missing_platform() -> str:
    """Why JAX cannot begin on the platform that it was told, "" where it can."""
    try:
        jax.devices()
    except (AssertionError, RuntimeError) as error:  # the first is all that JAX says where a plugin is not installed
        return str(error).splitlines()[0] if str(error) else NO_DEVICE
    return ""


def options(wanted: Sequence[str] = ()) -> Options:
    """FASTER for the platform at hand, and `wanted`, "name=value" each. Raises InputError for what XLA refuses."""
    found = {name: value for name, value in FASTER.get(jax.default_backend(), {}).items() if not _refusal(name, value)}
    for text in wanted:
        name, equals, value = text.partition("=")
        if refusal := _refusal(name, _value(value)) if equals else "it is not NAME=VALUE":
            raise InputError(f"compilation.options: {text!r}: {refusal}")
        found[name] = _value(value)
    return found


def compiled(
    function: Callable, *arguments: Any, options: Options, donate: int | tuple[int, ...] = (), results: Any = None
) -> Any:
    """The program of `function` for arguments of these shapes and places.

    donate: positions of those it may overwrite. results: jit's out_shardings, None for what XLA finds.
    """
    return lowered(function, *arguments, options=options, donate=donate, results=results).compile()


def lowered(
    function: Callable, *arguments: Any, options: Options, donate: int | tuple[int, ...] = (), results: Any = None
) -> Any:
    """What `compiled` compiles: traced, and written for XLA."""
    with _no_garbage_collection():
        program = jax.jit(function, donate_argnums=donate, out_shardings=results, compiler_options=dict(options))
        return program.lower(*arguments)


def bytes_of(program: Any) -> int:
    """What a compiled program takes on each device, arguments and results too; 0 where the platform does not tell."""
    memory = program.memory_analysis()
    if memory is None:
        return 0
    return (
        memory.argument_size_in_bytes
        + memory.temp_size_in_bytes
        + memory.output_size_in_bytes
        - memory.alias_size_in_bytes
    )


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Tracing makes very many objects that stay; looking through all of them again and again takes a fifth of it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def keep_programs(directory: str) -> None:
    """From here on programs are kept in the directory, "" for the user's cache, and found there by later processes.

    A directory that JAX has already been told (JAX_COMPILATION_CACHE_DIR) stays; "off" keeps none.
    """
    if directory == OFF:
        jax.config.update("jax_enable_compilation_cache", False)
        return
    if directory or not jax.config.jax_compilation_cache_dir:
        jax.config.update("jax_compilation_cache_dir", directory or str(user_cache()))
    if warnings.showwarning is not _show:
        _shown_by.append(warnings.showwarning)
        warnings.showwarning = _show


_shown_by: list[Callable[..., None]] = []


def _show(message: Warning | str, *arguments: Any, **named: Any) -> None:
    """A warning; but a kept program that JAX cannot read is removed, without a word.

    A kill, or a full disk, leaves such a one. JAX then compiles anew, and keeps what it gets if none is in the way.
    """
    if unreadable := UNREADABLE.match(str(message)):
        for path in Path(jax.config.jax_compilation_cache_dir).glob(f"{unreadable[1]}-*"):
            path.unlink(missing_ok=True)
    else:
        _shown_by[-1](message, *arguments, **named)


def user_cache() -> Path:
    """$XDG_CACHE_HOME/akd_jax, by default ~/.cache/akd_jax."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "akd_jax"


def _refusal(name: str, value: Any) -> str:
    """What XLA says against an option, "" for nothing."""
    try:
        compiled(lambda x: x, 0.0, options={name: value})
    except (RuntimeError, TypeError, ValueError) as error:  # JaxRuntimeError is the first of them
        return str(error).split(": ", 1)[-1]
    return ""


def _value(text: str) -> Any:
    """true and 3 are what they look like, other words are text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text
