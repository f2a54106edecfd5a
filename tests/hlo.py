"""What programs are made of, lowered and compiled."""

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


def operations(module: str, name: str) -> list[tuple[str, str]]:
    """Every operation of that name in lowered text: types of operands and result, "bf16 bf16 bf16", and its line."""
    lines = [line.split(" loc(")[0] for line in module.splitlines() if re.search(rf"stablehlo\.{name}\b", line)]
    return [(" ".join(re.findall(r"(bf16|f32)>", line.rpartition(" : ")[2])), line) for line in lines]
