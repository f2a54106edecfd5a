"""The files in configs/, their variants, and which of these are of a pair."""

import importlib
from pathlib import Path

from akd_jax.pairs import OF_CIFAR100, PAIRS

CONFIGS = Path(__file__).parents[1] / "configs"
FILES = {path.stem: importlib.import_module(path.stem) for path in sorted(CONFIGS.glob("*.py"))}
VARIANTS = [(name, variant) for name, file in FILES.items() for variant in file.VARIANTS]
PAIRED = {"fast": PAIRS, "nayer": PAIRS, "best": PAIRS, "dfq": PAIRS, "cmi": OF_CIFAR100, "spaceship": OF_CIFAR100}
OF_A_PAIR = [(name, variant) for name, pairs in PAIRED.items() for variant in pairs]
