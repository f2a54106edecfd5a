"""What is kept of runs side by side, GROUND/RECIPE/seed_N: each one's summary and history, a recipe's settings."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from akd_jax import files, workdir
from akd_jax.config_dict import differences
from akd_jax.errors import InputError

SEED = "seed_"


class Entry(NamedTuple):
    """One run: a recipe on a ground, from a seed."""

    ground: str
    recipe: str
    seed: int

    @property
    def config(self) -> str:
        return f"methods:{self.ground}_{self.recipe}"

    @property
    def recipe_place(self) -> Path:
        """Of the runs of all seeds, in the directory of all."""
        return Path(self.ground, self.recipe)

    @property
    def place(self) -> Path:
        """Of its files, likewise."""
        return self.recipe_place / f"{SEED}{self.seed}"


def found(results: Path) -> dict[str, dict[str, list[Path]]]:
    """Ground -> recipe -> the directories of its runs, by seed."""
    runs: dict[str, dict[str, list[Path]]] = {}
    for summary in sorted(results.glob(f"*/*/{SEED}*/{workdir.SUMMARY}"), key=_seed):
        ground, recipe = summary.parts[-4:-2]
        runs.setdefault(ground, {}).setdefault(recipe, []).append(summary.parent)
    return runs


def _seed(summary: Path) -> tuple[str, int]:
    run = summary.parent
    return str(run.parent), int(run.name.removeprefix(SEED))


def check_same(directory: Path, recipe: Mapping[str, Any]) -> None:
    """Raises InputError where what was played there, or kept of it, had other settings."""
    had = workdir.recipe(directory)
    changed = differences(had, recipe) if had else {}
    if changed:
        text = ", ".join(f"{key} {old!r} -> {new!r}" for key, (old, new) in changed.items())
        raise InputError(f"{directory} is of other settings ({text}): take another --workdir, and other --results")


def keep(played: Path, kept: Path) -> None:
    """What it came to, and with which settings, with no path of this machine in it.

    Raises InputError where another teacher taught those kept beside it.
    """
    summary = files.read_json(played / "run" / workdir.SUMMARY)
    others = [files.read_json(path) for path in kept.parent.glob(f"{SEED}*/{workdir.SUMMARY}")]
    if any(other["teacher"]["digest"] != summary["teacher"]["digest"] for other in others):
        raise InputError(f"{kept.parent} has runs of another teacher: take other --results")
    kept.mkdir(parents=True, exist_ok=True)
    settings = files.read_json(played / "run" / workdir.CONFIG)
    settings["teacher"]["path"] = Path(settings["teacher"]["path"]).name
    settings["evaluation"]["data_dir"], settings["compilation"]["cache"] = "", ""
    files.write_json(kept.parent / workdir.CONFIG, settings)
    shutil.copyfile(played / "run" / workdir.HISTORY, kept / workdir.HISTORY)
    summary["teacher"]["source"] = Path(summary["teacher"]["source"]).name
    files.write_json(kept / workdir.SUMMARY, summary)  # last: it says that all is kept


def is_kept(directory: Path) -> bool:
    path = directory / workdir.SUMMARY
    return path.exists() and files.read_json(path)["finished"]
