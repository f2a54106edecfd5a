"""Requests to stop: the first SIGTERM or SIGINT waits for a good moment, a second one does not."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STOPPING = (signal.SIGTERM, signal.SIGINT)


class Request:
    """by: the first signal that came, None before. Whoever plays looks at it where stopping loses nothing."""

    by: signal.Signals | None = None

    def note(self, number: int) -> None:
        """A signal came, here or elsewhere; 0 for none."""
        if number and not self.by:
            self.by = signal.Signals(number)


@contextmanager
def awaited() -> Iterator[Request]:
    """Meanwhile signals only make a request; a second one ends the process at once, with its exit status.

    Handlers are as before when it ends. Elsewhere than in the main thread, where Python takes no signals, all stay as
    they are.
    """
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    before = {number: signal.signal(number, lambda came, _: request.note(came)) for number in STOPPING}
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    # A handler waits for compiled code to return, which a dispatch or a compilation does late. What is written to this
    # pipe does not wait.
    pipe_before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    watcher = threading.Thread(target=_end_at_the_second, args=(reading,), daemon=True)
    watcher.start()
    try:
        yield request
    finally:
        signal.set_wakeup_fd(pipe_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(writing)
        watcher.join()
        os.close(reading)


def _end_at_the_second(reading: int) -> None:
    """Reads numbers of signals, a byte each, until the pipe is closed."""
    stops = 0
    while number := os.read(reading, 1):
        stops += number[0] in STOPPING
        if stops == 2:
            name = signal.Signals(number[0]).name
            os.write(2, f"error: ended at once by a second signal, {name}: what was saved before is intact\n".encode())
            os._exit(128 + number[0])
