"""A file by HTTP: resumed where it stopped, tried again, and checked."""

import os
import sys
import threading
import time
from pathlib import Path

import requests
from tqdm import tqdm

from akd_jax import files
from akd_jax.errors import InputError

CHUNK = 1 << 18  # bytes
# Statuses of a request that is wrong itself: all of their hundred but too slow, too long a part, and too often.
FINAL = frozenset(range(400, 500)) - {408, 416, 429}


class Unreachable(InputError):
    """The file could not be had, after all attempts."""


def reachable(url: str, *, seconds: float = 5) -> bool:
    """Whether the server answers for `url` in time. In a thread, since looking up a name can hang without end."""
    answers = []

    def ask() -> None:
        try:
            answers.append(requests.head(url, timeout=seconds, allow_redirects=True).ok)
        except requests.RequestException:
            answers.append(False)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return answers == [True]


def download(
    url: str,
    goal: Path,
    *,
    sha256: str,
    timeouts: tuple[float, float] = (10, 30),
    attempts: int = 5,
    pause: float = 1,
) -> None:
    """Writes `goal`, by way of `goal.part`, which a later call goes on with.

    timeouts: seconds to connect, and between two pieces. pause: seconds before the second attempt, doubled for each
    after it. Raises Unreachable, or InputError for other bytes than those of `sha256`: these are deleted.
    """
    part = goal.with_name(f"{goal.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(attempts):
        try:
            _fetch(url, part, timeouts)
            break
        except requests.RequestException as error:
            status = None if error.response is None else error.response.status_code
            if attempt == attempts - 1 or status in FINAL:
                raise Unreachable(f"{url} cannot be downloaded ({error!s:.200})") from error
            seconds = pause * 2**attempt
            tqdm.write(f"download stopped ({error!s:.200}): goes on in {seconds:g} s", file=sys.stderr)
            time.sleep(seconds)
    found = files.sha256(part)
    if found != sha256:
        part.unlink()
        raise InputError(f"{url} holds other bytes: expected sha256 {sha256}, found {found}; they were deleted")
    os.replace(part, goal)


def _fetch(url: str, part: Path, timeouts: tuple[float, float]) -> None:
    """Completes `part`. Raises requests.RequestException with the part as far as it came."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=timeouts) as response:
        if response.status_code == 416:
            # Nothing lies behind the part's end: it is complete, if the server names its length as the whole.
            if response.headers.get("Content-Range") == f"bytes */{have}":
                return
            part.unlink()
        response.raise_for_status()
        goes_on = response.status_code == 206
        start = have if goes_on else 0
        left = int(response.headers.get("Content-Length", 0))
        with (
            part.open("ab" if goes_on else "wb") as file,
            tqdm(total=start + left or None, initial=start, unit="B", unit_scale=True, desc=part.stem) as bar,
        ):
            for piece in response.iter_content(CHUNK):
                file.write(piece)
                bar.update(len(piece))
