"""The arrows between modules: pure core, effects at one edge."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "akd_jax"
MODULES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
           for path in PACKAGE.rglob("*.py")}  # fmt: skip

# Part -> all that it imports of the others, in the order of the alphabet: the core, then the rest, from bottom to top.
# A part is a module or a package; akd_jax is what the package itself has, its version.
ARROWS = {
    "types": "",
    "platforms": "",
    "channels": "platforms types",
    "norm": "channels types",
    "pixels": "types",
    "models": "channels pixels platforms types",
    "objectives": "types",
    "priors": "types",
    "attribution": "types",
    "augmentation": "pixels types",
    "bank": "types",
    "steps": "norm platforms types",
    "sharding": "types",
    "inheritance": "types",
    "methods": "attribution bank norm objectives priors sharding steps types",
    "schedule": "types",
    "optimizers": "",
    "evaluate": "types",
    "collapse": "types",
    "flops": "",
    "akd_jax": "",
    "chips": "",
    "digest": "",
    "digits": "",
    "errors": "",
    "event_loops": "",
    "signals": "",
    "spread": "",
    "skips": "",
    "teacher": "task",
    "task": "",
    "checkpoint": "digest errors event_loops files",
    "compilation": "errors",
    "config": "errors",
    "files": "errors",
    "hub": "errors optional",
    "normalisation": "digits",
    "optional": "",
    "pairs": "normalisation",
    "config_dict": "config",
    "convert": "digest errors files models teacher types",
    "memory": "config errors families sweep",
    "hosts": "config config_dict errors",
    "embeddings": "errors models types",
    "embeddings_file": "digest embeddings errors files workdir",
    "told_optimizers": "config optimizers",
    "families": "augmentation config embeddings errors methods models objectives optimizers pixels task "
    "told_optimizers types",
    "experiment": "compilation config errors families methods models sharding task types",
    "metrics": "errors files",
    "data": "convert digits errors files",
    "report": "files metrics pixels",
    "workdir": "config config_dict errors files",
    "lessons": "config data digest errors files task workdir",
    "sweep": "config config_dict families objectives",
    "sweep_results": "spread sweep",
    "sweep_directory": "errors files sweep sweep_results workdir",
    "progress": "checkpoint errors evaluate sharding types",
    "teacher_files": "checkpoint config convert digest errors files models teacher types workdir",
    "torch_networks": "convert",
    "tensorboard": "errors metrics optional workdir",
    "facts": "compilation data embeddings_file lessons task teacher workdir",
    "starts": "config errors experiment facts inheritance task teacher_files types",
    "found": "checkpoint compilation config data embeddings_file errors experiment facts families lessons sharding "
    "starts task teacher_files tensorboard types workdir",
    "run": "compilation config embeddings_file experiment facts families flops found lessons models schedule "
    "sharding starts task teacher types",
    "judge": "collapse compilation data evaluate models run types",
    "hindsight": "metrics spread",
    "summary": "akd_jax chips hindsight metrics progress run",
    "trace": "errors schedule",
    "recorder": "files metrics progress report run summary tensorboard workdir",
    "saved_run": "config config_dict embeddings_file errors experiment families files lessons progress task teacher "
    "teacher_files workdir",
    "briefing": "config families judge progress run summary sweep sweep_results",
    "examination": "compilation data errors evaluate judge models saved_run task teacher teacher_files types",
    "verification": "convert data errors evaluate models normalisation optional teacher torch_networks types",
    "due": "progress run",
    "conclusion": "briefing checkpoint collapse due errors evaluate judge metrics progress recorder run",
    "sweep_runs": "config experiment found run sweep types workdir",
    "lockstep": "config_dict run steps types",
    "seat": "checkpoint conclusion due judge progress recorder run workdir",
    "resumption": "checkpoint due errors files metrics progress run workdir",
    "dispatch": "compilation errors lockstep metrics progress run schedule seat skips steps types",
    "follower": "config dispatch found hosts run schedule signals types",
    "loop": "briefing compilation conclusion config config_dict dispatch due embeddings_file errors files "
    "follower hosts judge lessons memory progress resumption run schedule seat signals sweep "
    "sweep_directory sweep_runs teacher_files trace types workdir",
    "export": "akd_jax config convert data errors evaluate families models optional pixels report saved_run task "
    "teacher teacher_files torch_networks types",
    "comparison": "spread",
    "graduation": "briefing convert export files saved_run teacher_files",
    "cli": "comparison compilation config config_dict convert data errors examination experiment export families files "
    "graduation hub loop normalisation report saved_run teacher_files verification workdir",
}
CORE = {
    "attribution",
    "augmentation",
    "bank",
    "channels",
    "collapse",
    "evaluate",
    "flops",
    "inheritance",
    "methods",
    "models",
    "norm",
    "objectives",
    "optimizers",
    "pixels",
    "platforms",
    "priors",
    "schedule",
    "sharding",
    "steps",
    "types",
}
OWNERS = {
    "flax.linen": {"models"},
    "optax": {"methods", "optimizers"},
    "orbax": {"checkpoint"},
    "tensorboardX": {"tensorboard"},
    "onnx": {"export"},
    "onnxruntime": {"export"},
    "tensorflow_datasets": {"data"},
    "ml_collections": {"cli"},
    "absl": {"cli"},
    "matplotlib": {"report"},
    "PIL": {"report", "digits", "data"},
    "requests": {"data"},
    "safetensors": {"convert", "export"},
    "huggingface_hub": {"hub"},
    "torch": {"torch_networks"},  # no requirement: commands import this part where they need it, nothing at its top
}
NEVER = ("tensorflow",)


def part(module):
    """ "models.resnet" -> "models"."""
    return "akd_jax" if module == "__init__" else module.split(".")[0]


PARTS = {part(module) for module in MODULES}


def imports(path):
    """Dotted names, `from a import b` as a.b."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def users(*names):
    """The parts that import one of these modules, or anything in it."""
    roots = tuple(f"{name}." for name in names)
    return {part(module) for module, path in MODULES.items() if any(f"{n}.".startswith(roots) for n in imports(path))}


def test_every_part_is_in_the_table():
    assert ARROWS.keys() == PARTS


@pytest.mark.parametrize("own", sorted(PARTS))
def test_arrows(own):
    names = {name for module, path in MODULES.items() if part(module) == own for name in imports(path)}
    heads = {f"{name}.".split(".")[1] for name in names if f"{name}.".startswith("akd_jax.")}
    found = " ".join(sorted({head if head in PARTS else "akd_jax" for head in heads} - {own}))
    assert found == ARROWS.get(own), f'if that shall be so, write in ARROWS:\n    "{own}": "{found}",'


def test_the_core_knows_itself_alone():
    """No settings, no files, no clocks."""
    assert {own: arrows for own in CORE if (arrows := set(ARROWS[own].split()) - CORE)} == {}


@pytest.mark.parametrize("library", OWNERS)
def test_libraries_have_their_places(library):
    assert users(library) == OWNERS[library]


def test_some_libraries_have_no_place():
    assert users(*NEVER) == set()


def test_no_tensorflow_and_no_torch_after_all_is_imported():
    lines = [f"import akd_jax.{module}" for module in MODULES if part(module) not in ("akd_jax", "torch_networks")]
    check = "import sys; import tensorflow_datasets; assert not {'tensorflow', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", "\n".join([*lines, check])], check=True, timeout=120)
