"""What all tests share."""

import gc
import os

# Programs that are quick to compile, and slow, since nearly all here play a few rounds of something tiny. Before JAX.
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=0".strip()

import jax
import pytest


@pytest.fixture(scope="session", autouse=True)
def compiled_programs(tmp_path_factory):
    """A program that several tests compile is compiled once, by whichever of pytest's processes comes first."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    jax.config.update("jax_compilation_cache_dir", str(shared / "programs"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


# Tracing makes very many objects that stay, and looking through all of them again and again takes a fifth of it.
gc.set_threshold(100_000, 50, 100)
