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
    "training": "",
    "training.skips": "",
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
    "training.memory": "config errors families training.sweep",
    "training.hosts": "config config_dict errors",
    "embeddings": "errors models types",
    "training.embeddings_file": "digest embeddings errors files workdir",
    "told_optimizers": "config optimizers",
    "families": "augmentation config embeddings errors methods models objectives optimizers pixels task "
    "told_optimizers types",
    "experiment": "compilation config errors families methods models sharding task types",
    "metrics": "errors files",
    "data": "convert digits errors files",
    "report": "files metrics pixels",
    "workdir": "config config_dict errors files",
    "training.lessons": "config data digest errors files task workdir",
    "training.sweep": "config config_dict families objectives",
    "training.sweep_results": "spread training.sweep",
    "training.sweep_directory": "errors files training.sweep training.sweep_results workdir",
    "training.progress": "checkpoint errors evaluate sharding types",
    "teacher_files": "checkpoint config convert digest errors files models teacher types workdir",
    "torch_networks": "convert",
    "training.tensorboard": "errors metrics optional workdir",
    "training.facts": "compilation data task teacher training.embeddings_file training.lessons workdir",
    "training.starts": "config errors experiment inheritance task teacher_files training.facts types",
    "training.found": "checkpoint compilation config data errors experiment families sharding task teacher_files "
    "training.embeddings_file training.facts training.lessons training.starts training.tensorboard types workdir",
    "training.run": "compilation config experiment families flops models schedule sharding task teacher "
    "training.embeddings_file training.facts training.found training.lessons training.starts types",
    "training.judge": "collapse compilation data evaluate models training.run types",
    "training.hindsight": "metrics spread",
    "training.summary": "akd_jax chips metrics training.hindsight training.progress training.run",
    "training.trace": "errors schedule",
    "training.recorder": "files metrics report training.progress training.run training.summary training.tensorboard "
    "workdir",
    "saved_run": "config config_dict errors experiment families files task teacher teacher_files "
    "training.embeddings_file training.lessons training.progress workdir",
    "training.briefing": "config families training.judge training.progress training.run training.summary "
    "training.sweep training.sweep_results",
    "examination": "compilation data errors evaluate models saved_run task teacher teacher_files training.judge types",
    "verification": "convert data errors evaluate models normalisation optional teacher torch_networks types",
    "training.due": "training.progress training.run",
    "training.conclusion": "checkpoint collapse errors evaluate metrics training.briefing training.due "
    "training.judge training.progress training.recorder training.run",
    "training.sweep_runs": "config experiment training.found training.run training.sweep types workdir",
    "training.lockstep": "config_dict steps training.run types",
    "training.seat": "checkpoint training.conclusion training.due training.judge training.progress "
    "training.recorder training.run workdir",
    "training.resumption": "checkpoint errors files metrics training.due training.progress training.run workdir",
    "training.dispatch": "compilation errors metrics schedule steps training.lockstep training.progress "
    "training.run training.seat training.skips types",
    "training.follower": "config schedule signals training.dispatch training.found training.hosts training.run types",
    "training.loop": "compilation config config_dict errors files schedule signals teacher_files training.briefing "
    "training.conclusion training.dispatch training.due training.embeddings_file training.follower training.hosts "
    "training.judge training.lessons training.memory training.progress training.resumption training.run "
    "training.seat training.sweep training.sweep_directory training.sweep_runs training.trace types workdir",
    "export": "akd_jax config convert data errors evaluate families models optional pixels report saved_run task "
    "teacher teacher_files torch_networks types",
    "comparison": "spread",
    "graduation": "convert export files saved_run teacher_files training.briefing",
    "cli": "comparison compilation config config_dict convert data errors examination experiment export families files "
    "graduation hub normalisation report saved_run teacher_files training.loop verification workdir",
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
    "tensorboardX": {"training.tensorboard"},
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
    """ "models.resnet" -> "models", but "training.loop" stays: only there are arrows held inside a package."""
    head, *own = module.split(".")
    return "akd_jax" if head == "__init__" else f"training.{own[0]}" if head == "training" and own else head


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
    heads = {part(name.removeprefix("akd_jax.")) for name in names if f"{name}.".startswith("akd_jax.")}
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
