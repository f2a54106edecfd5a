"""The arrows between modules: pure core, effects at one edge."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "akd_jax"
MODULES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
           for path in PACKAGE.rglob("*.py")}  # fmt: skip

CORE = {"types", "models", "objectives", "steps", "methods", "schedule", "optimizers", "evaluate", "flops"}
ALLOWED = {
    "": set(),
    "errors": set(),
    "types": set(),
    "digest": set(),
    "digits": set(),
    "teacher": set(),
    "optimizers": set(),
    "flops": set(),
    "schedule": set(),
    "normalisation": {"digits"},
    "config": {"errors"},
    "config_dict": {"config"},
    "files": {"errors"},
    "checkpoint": {"errors"},
    "models": {"types", "models"},
    "objectives": {"types"},
    "steps": {"types"},
    "evaluate": {"types"},
    "methods": {"types", "objectives", "steps", "methods"},
    "convert": {"convert", "digest", "errors", "files", "models", "teacher", "types"},
    "data": {"convert", "data", "digits", "errors", "files"},
    "metrics": {"files"},
    "report": {"metrics"},
    "tensorboard": {"errors", "metrics", "workdir"},
    "workdir": {"config", "config_dict", "errors", "files"},
    "summary": {"", "config", "teacher"},
    "progress": {"checkpoint", "evaluate", "types"},
    # The assembly, where settings end, and what is above it.
    "experiment": CORE - {"schedule", "steps", "flops", "evaluate"} | {"config", "errors", "teacher"},
    "teacher_files": {"checkpoint", "config", "convert", "data", "digest", "errors", "evaluate", "files", "models"}
    | {"teacher", "types", "workdir"},
    "run": CORE | {"config", "data", "errors", "experiment", "teacher", "teacher_files", "tensorboard"} | {"workdir"},
    "briefing": {"progress", "run", "schedule", "summary"},
    "loop": CORE
    | {"briefing", "checkpoint", "config", "config_dict", "errors", "files", "metrics", "progress", "report", "run"}
    | {"summary", "teacher_files", "tensorboard", "workdir"},
    "saved_run": {
        "checkpoint",
        "config",
        "config_dict",
        "errors",
        "experiment",
        "files",
        "progress",
        "teacher",
        "teacher_files",
    }
    | {"workdir"},
    "examination": {"data", "errors", "evaluate", "models", "saved_run", "teacher", "teacher_files", "types"},
    "cli": {"cli", "config", "config_dict", "convert", "data", "errors", "examination", "experiment", "files", "loop"}
    | {"normalisation", "report", "saved_run", "teacher_files", "workdir"},
}
OWNERS = {
    "flax.linen": {"models"},
    "optax": {"methods", "optimizers", "evaluate"},
    "orbax": {"checkpoint"},
    "tensorboardX": {"tensorboard"},
    "tensorflow_datasets": {"data"},
    "ml_collections": {"cli"},
    "absl": {"cli"},
    "matplotlib": {"report"},
    "PIL": {"report", "digits", "data"},
    "requests": {"data"},
}
NEVER = ("torch", "tensorflow")


def imports(path):
    """Dotted names, `from a import b` as a.b."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(module):
    """ "models.resnet" -> "models"; the package itself is ""."""
    return "" if module == "__init__" else module.split(".")[0]


@pytest.mark.parametrize("module", MODULES)
def test_arrows(module):
    own = {name.removeprefix("akd_jax.") for name in imports(MODULES[module]) if name.startswith("akd_jax.")}
    parts = {part(name) if part(name) in {part(m) for m in MODULES} else "" for name in own}
    assert parts - ALLOWED[part(module)] == set()


@pytest.mark.parametrize("module", MODULES)
def test_libraries_have_their_places(module):
    names = list(imports(MODULES[module]))
    for library, owners in OWNERS.items():
        used = any(name == library or name.startswith(f"{library}.") for name in names)
        assert not used or part(module) in owners, f"{module} imports {library}"
    assert not any(name.split(".")[0] in NEVER for name in names)


def test_no_tensorflow_and_no_torch_after_all_is_imported():
    lines = [f"import akd_jax.{module}" for module in MODULES if module != "__init__"]
    check = "import sys; import tensorflow_datasets; assert not {'tensorflow', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", "\n".join([*lines, check])], check=True, timeout=120)
