"""Side by side with the same game elsewhere: PyTorch as its authors write it, PyTorch tuned, and a plain Flax loop.

No part of the package: `python scripts/benchmark.py` runs what is here from a checkout.
"""
