"""The errors and warnings that users meet. Each message is one line that says what is wrong and what to do."""

import signal
import sys
from collections.abc import Collection

from tqdm import tqdm


class InputError(ValueError):
    """Bad input or usage: exit status 2, nothing written."""


class DataMissing(InputError):
    """Labelled images that are neither here nor to be had; the message says how to get them."""


class NonFiniteError(RuntimeError):
    """Too many steps in a row were not finite: exit status 3, what was saved is intact."""


class OutOfMemoryError(RuntimeError):
    """The device has too little memory: exit status 1, what was saved is intact."""


class StoppedError(RuntimeError):
    """A signal ended a run, which is saved: exit status 128 + the signal's number."""

    def __init__(self, message: str, number: signal.Signals):
        super().__init__(message)
        self.number = number

    def __reduce__(self):
        """To be told to other processes."""
        return type(self), (str(self), self.number)


class SavedStateError(RuntimeError):
    """A checkpoint cannot be written or is not what was saved: exit status 1, what else was saved is intact."""


class ExportError(RuntimeError):
    """What was exported is not what was meant: exit status 1, nothing written."""


def check_name(key: str, name: str, table: Collection[str]) -> None:
    """Raises InputError for the setting `key` whose value, a name, is not in the table."""
    if name not in table:
        raise InputError(f"{key}={name!r}: unknown; give one of {', '.join(table)}")


def warn(message: str) -> None:
    """A line on stderr that tears no progress bar."""
    tqdm.write(f"warning: {' '.join(message.split())}", file=sys.stderr)
