"""What compiled programs are made of."""

import re

CANONICAL = {"b01f_01io->b01f"}
"""The one form that XLA:CPU is fast with inside loops."""


def convolution_labels(program) -> set[str]:
    """The dimension numbers of every convolution in a compiled program; {} if it has none."""
    lines = [line for line in program.as_text().splitlines() if " convolution(" in line]
    return {re.search(r"dim_labels=(\S+?)[,\s]", line + " ").group(1) for line in lines}
