"""What compiled programs are made of."""

import re


def convolution_labels(function, *arguments) -> set[str]:
    """The dimension numbers of every convolution in the compiled program; {} if it has none."""
    text = function.lower(*arguments).compile().as_text()
    lines = [line for line in text.splitlines() if " convolution(" in line]
    return {re.search(r"dim_labels=(\S+?)[,\s]", line + " ").group(1) for line in lines}
