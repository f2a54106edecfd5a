"""Checkpoints from the hub: against a server of this machine that answers as the hub does."""

import hashlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import akd_jax
from akd_jax import hub
from akd_jax.errors import InputError

CHECKPOINT = Path(akd_jax.__file__).parent / "assets" / "digits_teacher.pth"
NOWHERE = "http://127.0.0.1:9"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {  # repository: its files
    "me/one": {"README.md": b"# one", "net.pth": CHECKPOINT.read_bytes()},
    "me/both": {"model.safetensors": b"safe", "pytorch_model.bin": b"pickled"},
    "me/two": {"a.pth": b"a", "b.pth": b"b"},
    "me/none": {"README.md": b"# none"},
}


class Hub(BaseHTTPRequestHandler):
    """The three addresses that the library asks for: a list of files, the head of one, and the file."""

    def do_HEAD(self):
        self.do_GET(body=False)

    def do_GET(self, body=True):
        parts = self.path.split("?")[0].strip("/").split("/")
        api = parts[:2] == ["api", "models"]
        owner, name, *rest = parts[2:] if api else [*parts, "", ""]
        files = FILES.get(f"{owner}/{name}")
        if api and files is not None:
            listed = [{"type": "file", "path": file, "size": len(c), "oid": COMMIT} for file, c in files.items()]
            siblings = [{"rfilename": file} for file in files]
            content = listed if rest[:1] == ["tree"] else {"id": f"{owner}/{name}", "sha": COMMIT, "siblings": siblings}
            return self.answer(200, json.dumps(content).encode(), body)
        if files is not None and rest[:1] == ["resolve"] and rest[2] in files:
            return self.answer(200, files[rest[2]], body)
        return self.answer(404, b"", body, **{"X-Error-Code": "RepoNotFound" if files is None else "EntryNotFound"})

    def answer(self, status, content, body, **headers):
        headers |= {
            "Content-Length": str(len(content)),
            "Content-Type": "application/json",
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Repo-Commit": COMMIT,
        }
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def endpoint():
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    constants = pytest.importorskip("huggingface_hub.constants", reason="pip install -e .[hub]")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("address", "file"),
    [
        ("hf://me/one", "net.pth"),
        ("hf://me/one/", "net.pth"),
        ("hf://me/one/net.pth", "net.pth"),
        ("hf://me/two/b.pth", "b.pth"),
        ("hf://me/both", "model.safetensors"),
        ("hf://me/both/pytorch_model.bin", "pytorch_model.bin"),
    ],
)
def test_fetched(endpoint, address, file):
    path, whole = hub.fetch(address, endpoint=endpoint)
    repository = "/".join(address.removeprefix("hf://").split("/")[:2])
    assert path.read_bytes() == FILES[repository][file] and whole == f"hf://{repository}/{file}"


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("hf://me/two", "give the file too, as hf://me/two/FILE; its checkpoints: a.pth, b.pth"),
        ("hf://me/none", "its checkpoints: none"),
        ("hf://me/one/other.pth", "no such public repository or file"),
        ("hf://you/one", "no such public repository or file"),
        ("hf://me/on e", "no such public repository or file"),
        ("hf://me", "wanted hf://owner/name"),
        ("hf:///one", "wanted hf://owner/name"),
    ],
)
def test_refused(endpoint, address, says):
    with pytest.raises(InputError) as caught:
        hub.fetch(address, endpoint=endpoint)
    assert says in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["hf://me/one", "hf://me/one/net.pth"])
def test_offline(address):
    with pytest.raises(InputError, match="the hub does not answer"):
        hub.fetch(address, endpoint=NOWHERE)


def test_offline_with_a_copy(endpoint):
    path, _ = hub.fetch("hf://me/one", endpoint=endpoint)
    assert hub.fetch("hf://me/one/net.pth", endpoint=NOWHERE)[0] == path


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)  # what makes its import fail
    with pytest.raises(InputError, match=r"pip install 'akd_jax\[hub\]'"):
        hub.fetch("hf://me/one")
