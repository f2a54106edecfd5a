"""What all tests share."""

import functools
import gc
import os

import pytest
from exact import HAS_OLD_EMITTERS

# Programs that are quick to compile, and slow, since nearly all here play a few rounds of something tiny. Before JAX.
# XLA's new emitters of fused loops take two thirds of the time.
QUICK = ["--xla_backend_optimization_level=0"] + ["--xla_cpu_use_fusion_emitters=false"] * HAS_OLD_EMITTERS
os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *QUICK]).strip()

import jax
import tiny_models

from akd_jax import collapse, report
from akd_jax.training import briefing


@pytest.fixture(scope="session", autouse=True)
def compiled_programs(tmp_path_factory):
    """A program that several tests compile is compiled once, by whichever of pytest's processes comes first."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    jax.config.update("jax_compilation_cache_dir", str(shared / "programs"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


@pytest.fixture(scope="session", autouse=True)
def small_networks():
    """While tests run, and not yet when they are collected, which some are for every network there is."""
    tiny_models.register()


@pytest.fixture(scope="session", autouse=True)
def quick_reports():
    """Runs draw no curves, which takes as long as a tiny run plays, one matrix product says how fast this is, and a
    generator is judged by few of its images.

    The function that does draw them.
    """
    save_curves = report.save_curves
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "save_curves", lambda path, rows: path.touch())
        measured = functools.cache(briefing._matmul_flops_per_second)
        patch.setattr(briefing, "_matmul_flops_per_second", measured)
        patch.setattr(collapse, "IMAGES", 32)
        yield save_curves


@pytest.fixture
def curves(quick_reports, monkeypatch):
    """They are drawn in this test."""
    monkeypatch.setattr(report, "save_curves", quick_reports)


# Tracing makes very many objects that stay, and looking through all of them again and again takes a fifth of it.
gc.set_threshold(100_000, 50, 100)
