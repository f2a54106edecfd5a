"""Downloads from a server in this process, which answers well, wrongly, slowly or half."""

import functools
import hashlib
import http.server
import re
import threading
import time

import numpy as np
import pytest
import requests

from akd_jax.data.download import Unreachable, download, reachable
from akd_jax.errors import InputError

CONTENT = np.random.default_rng(0).bytes(1_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """answers: what to do with each GET in turn, the last for all that follow; ranges: what was asked for."""

    def __init__(self):
        self.answers, self.ranges = [], []
        answer = functools.partial(_Handler, self)
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), answer)
        self.url = f"http://127.0.0.1:{self.http.server_port}/file.bin"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()


class _Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, server, *arguments):
        self.state = server
        super().__init__(*arguments)

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.send_response(200 if self.state.answers[0] == "well" else 404)
        self.end_headers()

    def do_GET(self):
        asked = self.headers["Range"]
        self.state.ranges.append(asked)
        answer = self.state.answers.pop(0) if len(self.state.answers) > 1 else self.state.answers[0]
        if isinstance(answer, int):
            self.send_error(answer)
            return
        start = int(re.match(r"bytes=(\d+)-$", asked)[1]) if asked and answer != "no ranges" else 0
        if start >= len(CONTENT):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(CONTENT)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = CONTENT[start:] if answer != "wrong" else bytes(len(CONTENT) - start)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if answer == "half":
            content = content[: len(content) // 2]
        if answer == "slow":
            self.wfile.write(content[:400_000])
            time.sleep(1)
            content = content[400_000:]
        self.wfile.write(content)


@pytest.fixture
def server():
    state = Server()
    yield state
    state.http.shutdown()
    state.http.server_close()


@pytest.fixture
def fetch(server, tmp_path):
    """Downloads into an empty folder, with short pauses; returns the goal."""

    def fetch(*answers, attempts=3):
        server.answers[:] = answers
        goal = tmp_path / "deep" / "file.bin"
        download(server.url, goal, sha256=SHA256, timeouts=(0.5, 0.5), attempts=attempts, pause=0.01)
        assert [path.name for path in goal.parent.iterdir()] == ["file.bin"]
        assert goal.read_bytes() == CONTENT

    return fetch


@pytest.fixture
def part(tmp_path):
    (tmp_path / "deep").mkdir()
    return tmp_path / "deep" / "file.bin.part"


def test_a_good_answer(fetch, server, capsys):
    fetch("well")
    assert server.ranges == [None]
    assert "file.bin: 100%" in capsys.readouterr().err


@pytest.mark.parametrize("broken", ["half", "slow"])
def test_goes_on_where_it_stopped(fetch, server, broken, capsys):
    fetch(broken, "well")
    first, second = server.ranges
    assert first is None and 0 < int(second.removeprefix("bytes=").removesuffix("-")) < len(CONTENT)
    assert "download stopped" in capsys.readouterr().err


def test_a_server_without_ranges(fetch, server):
    fetch("half", "no ranges")
    assert server.ranges[1] is not None


def test_a_part_of_an_earlier_call(fetch, server, part):
    part.write_bytes(CONTENT[:123_456])
    fetch("well")
    assert server.ranges == ["bytes=123456-"]


def test_a_whole_part(fetch, server, part):
    """Killed before it was renamed."""
    part.write_bytes(CONTENT)
    fetch("well")
    assert server.ranges == [f"bytes={len(CONTENT)}-"]


def test_a_part_that_is_too_long(fetch, server, part):
    part.write_bytes(CONTENT + b"more")
    fetch("well")
    assert server.ranges == [f"bytes={len(CONTENT) + 4}-", None]


def test_an_error_that_passes(fetch, server):
    fetch(500, 503, "well")
    assert len(server.ranges) == 3


def test_errors_that_do_not_pass(fetch, server):
    with pytest.raises(Unreachable, match="404"):
        fetch(404)
    assert len(server.ranges) == 1
    with pytest.raises(Unreachable, match="500"):
        fetch(500)
    assert len(server.ranges) == 1 + 3


def test_wrong_bytes_are_deleted(fetch, part):
    wrong = hashlib.sha256(bytes(len(CONTENT))).hexdigest()
    with pytest.raises(InputError, match=f"expected sha256 {SHA256}, found {wrong}"):
        fetch("wrong")
    assert not list(part.parent.iterdir())


def test_no_server(tmp_path):
    with pytest.raises(Unreachable, match="cannot be downloaded"):
        download("http://127.0.0.1:9/file.bin", tmp_path / "file.bin", sha256=SHA256, attempts=2, pause=0.01)


def test_reachable(server):
    server.answers[:] = ["well"]
    assert reachable(server.url)
    server.answers[:] = ["not"]
    assert not reachable(server.url)
    assert not reachable("http://127.0.0.1:9/")


def test_a_name_that_is_looked_up_for_ever(monkeypatch):
    ended = threading.Event()

    def hang(*_, **__):
        ended.wait()
        raise requests.ConnectionError

    monkeypatch.setattr("requests.head", hang)
    started = time.monotonic()
    assert not reachable("http://example.invalid/", seconds=0.1)
    assert time.monotonic() - started < 2
    ended.set()
