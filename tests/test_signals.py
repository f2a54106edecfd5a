"""Requests to stop."""

import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from akd_jax import signals

BUSY = """
import hashlib, signal, threading, os, time
from akd_jax import signals
with signals.awaited() as request:
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", {iterations})  # as compiled code: no handler runs before it ends
    print(request.by.name if request.by else None, flush=True)
"""


@pytest.mark.parametrize("number", signals.STOPPING)
def test_the_first_signal_is_a_request_and_handlers_come_back(number):
    before = [signal.getsignal(each) for each in signals.STOPPING]
    pipe = signal.set_wakeup_fd(-1)
    with signals.awaited() as request:
        assert request.by is None
        signal.raise_signal(number)
        assert request.by is number
    assert [signal.getsignal(each) for each in signals.STOPPING] == before
    assert signal.set_wakeup_fd(pipe) == pipe == -1
    with signals.awaited() as request:
        assert request.by is None


def test_handlers_come_back_after_an_error():
    before, threads = signal.getsignal(signal.SIGTERM), threading.active_count()
    with pytest.raises(ZeroDivisionError), signals.awaited():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGTERM) == before and threading.active_count() == threads


def test_elsewhere_than_in_the_main_thread_signals_stay_as_they_are():
    def inside():
        with signals.awaited() as request:
            return signal.getsignal(signal.SIGTERM), request.by

    before = signal.getsignal(signal.SIGTERM)
    with ThreadPoolExecutor() as pool:
        assert pool.submit(inside).result() == (before, None)


@pytest.mark.parametrize(("first", "second"), [(signal.SIGINT, signal.SIGINT), (signal.SIGINT, signal.SIGTERM)])
def test_a_second_signal_ends_the_process_at_once(first, second):
    """Also while compiled code runs, for minutes here."""
    with start(1_000_000_000) as process:
        process.send_signal(first)
        time.sleep(0.3)
        assert process.poll() is None, "the first ends nothing"
        asked = time.monotonic()
        process.send_signal(second)
        assert process.wait(5) == 128 + second
        assert time.monotonic() - asked < 1
        error = process.stderr.read()
    assert error.startswith("error: ended at once") and second.name in error and error.count("\n") == 1


def test_a_first_signal_waits_for_compiled_code():
    with start(2_000_000) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert process.stdout.read() == "SIGTERM\n"


def start(iterations):
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY.format(iterations=iterations)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process
