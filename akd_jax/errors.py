"""The errors that users meet. Each message is one line that says what is wrong and what to do."""


class InputError(ValueError):
    """Bad input or usage: exit status 2, nothing written."""


class DataMissing(InputError):
    """Labelled images that are neither here nor to be had; the message says how to get them."""


class NonFiniteError(RuntimeError):
    """A loss is not finite: exit status 3, the last checkpoint is from before."""


class ExportError(RuntimeError):
    """What was exported is not what was meant: exit status 1, nothing written."""
