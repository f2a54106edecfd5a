"""Libraries that are no requirement: whether they are there."""

import importlib


def why_missing(library: str) -> str:
    """Why the library cannot be imported; "" where it can."""
    try:
        importlib.import_module(library)
    except Exception as error:  # importing runs the library, and a damaged one fails in any way
        return str(error) or type(error).__name__
    return ""
