"""What the README shows, run."""

import re
from pathlib import Path

import jax.numpy as jnp

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_library_example():
    """With two rounds instead of two hundred."""
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(code.splitlines()) <= 25
    names = {}
    exec(code.replace("200", "2"), names)
    assert names["state"].step == 2
    assert names["metrics"]["student_loss"]["small"].shape == names["metrics"]["generator_loss"].shape == (2,)
    assert names["outputs"].logits.shape == (1, 10) and jnp.isfinite(names["outputs"].logits).all()
