"""The errors that users meet. Each message is one line that says what is wrong and what to do."""


class InputError(ValueError):
    """Bad input or usage: exit status 2, nothing written."""


class DataMissing(InputError):
    """Data to measure on are not there and cannot be had. The game itself needs none."""


class NonFiniteError(RuntimeError):
    """A loss is not finite: exit status 3, the last checkpoint is from before."""
