"""Whether a library is there, also one that is damaged."""

import pytest

from akd_jax.optional import why_missing


def test_a_library_that_is_there():
    assert why_missing("json") == ""


def test_a_library_that_is_not_there():
    assert why_missing("nobodys_library") == "No module named 'nobodys_library'"


@pytest.mark.parametrize(
    ("text", "says"), [("raise OSError('libx.so is gone')", "libx.so is gone"), ("assert 0", "AssertionError")]
)
def test_a_damaged_library(tmp_path, monkeypatch, text, says):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "damaged_library.py").write_text(text)
    assert why_missing("damaged_library") == says
