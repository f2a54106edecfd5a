"""How commands end: the exit statuses, and errors as one line."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from absl import logging

from akd_jax.errors import (
    ExportError,
    InputError,
    NonFiniteError,
    OutOfMemoryError,
    SavedStateError,
    StoppedError,
)

FAILED, INPUT, HALTED, INTERRUPTED = 1, 2, 3, 130


class Parser(argparse.ArgumentParser):
    """argparse whose usage errors are one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; {self.prog} --help lists the flags")


def ending(command: Callable[[], None]) -> NoReturn:
    """Runs the command and exits: 0, or the status of its error after one line on stderr."""
    logging.set_verbosity(logging.FATAL)  # Orbax tells of settings that it corrects, and of errors that it raises
    try:
        command()
    except InputError as error:
        status, message = INPUT, error
    except NonFiniteError as error:
        status, message = HALTED, error
    except StoppedError as error:
        status, message = 128 + error.number, error
    except (SavedStateError, ExportError, OutOfMemoryError) as error:
        status, message = FAILED, error
    except OSError as error:
        status, message = FAILED, f"{error}: what was saved before is intact; mend that and give the same command again"
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        status, message = FAILED, f"out of memory ({error!s:.200}): what was saved before is intact"
    except KeyboardInterrupt:
        status, message = INTERRUPTED, "interrupted; a run goes on by the same command with the same --workdir"
    else:
        sys.exit(0)
    print(f"error: {' '.join(str(message).split())}", file=sys.stderr)
    sys.exit(status)
