"""What compiled programs are made of."""

import re

CANONICAL = {"b01f_01io->b01f"}
"""The one form that XLA:CPU is fast with inside loops."""


def _convolutions(program) -> list[str]:
    return [f"{line} " for line in program.as_text().splitlines() if " convolution(" in line]


def convolution_labels(program) -> set[str]:
    """The dimension numbers of every convolution in a compiled program; {} if it has none."""
    return {re.search(r"dim_labels=(\S+?)[,\s]", line).group(1) for line in _convolutions(program)}


def convolution_groups(program) -> set[int]:
    """Into how many groups convolutions of a compiled program part their channels; {1} for none that does."""
    found = [re.search(r"feature_group_count=(\d+)", line) for line in _convolutions(program)]
    return {int(match.group(1)) if match else 1 for match in found}  # 1 is not written out
