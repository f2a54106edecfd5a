"""CIFAR made ready from archives, as plain tensorflow-datasets reads it; killed, twice at once, without a network."""

import hashlib
import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import cifar_archives
import numpy as np
import pytest
from commands import contents

from akd_jax import data
from akd_jax.data import cifar, prepare
from akd_jax.errors import DataMissing, InputError

SCRIPT = Path(__file__).parents[2] / "scripts" / "prepare_data.py"


def command(*arguments):
    return [sys.executable, str(SCRIPT), *map(str, arguments)]


@pytest.mark.parametrize("split", cifar_archives.COUNTS)
def test_plain_tensorflow_datasets_reads_it(made, split):
    import tensorflow_datasets as tfds

    name, root = made
    builder = tfds.builder(name, data_dir=root, file_format="array_record")
    source = builder.as_data_source(split)
    images, labels = cifar_archives.make(name)[split]
    assert len(source) == len(images)
    for key, names in cifar_archives.class_names(name).items():
        assert builder.info.features[key].names == names
    places = [int(record["id"].decode().removeprefix(f"{split}_")) for record in source]
    assert sorted(places) == list(range(len(images))) and places != sorted(places)
    assert all(len(record["id"]) == len(split) + 6 for record in source)
    for place, record in zip(places, source, strict=True):
        np.testing.assert_array_equal(record["image"], images[place], strict=True)
        assert {key: record[key] for key in labels} == {key: values[place] for key, values in labels.items()}


def test_the_python_archive_gives_the_same_bytes(made, tmp_path):
    name, root = made
    archive = cifar_archives.write(tmp_path, name, "python")
    folder = prepare.prepare(name, str(tmp_path), given=archive, trust=True)
    records = {path: content for path, content in contents(folder).items() if "array_record" in path.name}
    assert len(records) == 2
    assert records.items() <= contents(root / name / "3.0.2").items()


def test_prepared_data_are_left_alone(made, tmp_path, nowhere):
    name, root = made
    before = contents(root)
    prepare.prepare(name, str(root), given=tmp_path / "whatever")
    assert contents(root) == before


@pytest.fixture
def official(monkeypatch, tmp_path):
    """Makes the synthetic binary archive of CIFAR-100 in `downloads/manual` pass for the official one."""
    archive = cifar_archives.write(tmp_path / "downloads" / "manual", "cifar100")
    checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
    real = cifar.CIFARS["cifar100"]
    monkeypatch.setitem(cifar.CIFARS, "cifar100", real._replace(binary=real.binary._replace(sha256=checksum)))
    return archive


def test_an_archive_that_was_placed_is_prepared_on_the_way(official, tmp_path, nowhere, capsys):
    held = data.load("cifar100", "test", str(tmp_path))
    assert len(held.labels) == 6
    assert f"preparing cifar100 from {official}" in capsys.readouterr().err
    official.unlink()
    np.testing.assert_array_equal(data.load("cifar100", "test", str(tmp_path)).images, held.images)
    assert capsys.readouterr().out == ""


def test_a_placed_archive_with_another_checksum(tmp_path, nowhere):
    archive = cifar_archives.write(tmp_path / "downloads" / "manual", "cifar100")
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    with pytest.raises(InputError, match=f"expected sha256 58a81ae192.*, found {found}"):
        data.load("cifar100", "test", str(tmp_path))
    assert list(contents(tmp_path)) == [archive.relative_to(tmp_path)]


def test_the_default_directory(official, tmp_path, nowhere, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert len(data.load("cifar100", "test").labels) == 6


def test_downloaded(official, tmp_path, monkeypatch, capsys):
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=official.parent)
    monkeypatch.setattr(handler.func, "log_message", lambda *_: None)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setattr(prepare, "ORIGIN", f"http://127.0.0.1:{server.server_port}")
        assert len(data.load("cifar100", "test", str(tmp_path / "new")).labels) == 6
        assert "downloading http://127.0.0.1" in capsys.readouterr().err
        with pytest.raises(DataMissing, match=r"cifar-10-binary.tar.gz cannot be reached: put"):
            data.load("cifar10", "test", str(tmp_path / "new"))
        server.shutdown()


def test_a_download_that_fails(monkeypatch, tmp_path):
    monkeypatch.setattr(prepare, "reachable", lambda _: True)
    monkeypatch.setattr(prepare, "ORIGIN", "http://127.0.0.1:9")
    monkeypatch.setattr(prepare, "download", partial(prepare.download, attempts=1))
    with pytest.raises(DataMissing, match=r"cannot be downloaded .*put cifar-100-binary.tar.gz"):
        data.load("cifar100", "test", str(tmp_path))


def test_a_wrong_split_shows_before_a_download(monkeypatch, tmp_path):
    monkeypatch.setattr(prepare, "reachable", None)
    with pytest.raises(InputError, match="no split 'tset'"):
        data.load("cifar100", "tset", str(tmp_path))


def test_missing_data_without_a_network(tmp_path):
    """One line within ten seconds of the process's start, although the way out never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proxy = f"http://127.0.0.1:{silent.getsockname()[1]}"
        environment = os.environ | {"HTTPS_PROXY": proxy, "https_proxy": proxy, "NO_PROXY": "", "no_proxy": ""}
        started = time.monotonic()
        ended = subprocess.run(
            command("cifar100", "--data_dir", tmp_path), capture_output=True, text=True, env=environment
        )
        assert time.monotonic() - started < 10
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: ") and ended.stderr.count("\n") == 1
    for told in (
        "cifar-100-binary.tar.gz (168,513,733 bytes",
        "sha256 58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        str(tmp_path / "downloads" / "manual"),
        "scripts/prepare_data.py",
    ):
        assert told in ended.stderr
    assert not list(tmp_path.iterdir())


def test_killed_while_preparing(tmp_path):
    """The next one works, and removes what was left."""
    made = cifar_archives.make("cifar100", {"train": 8000, "test": 6})
    archive = cifar_archives.write(tmp_path, "cifar100", made=made)
    arguments = ("cifar100", "--data_dir", tmp_path, "--archive", archive, "--trust")
    with subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not list(tmp_path.glob("cifar100/incomplete.*")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert [path.name.split(".")[0] for path in (tmp_path / "cifar100").iterdir()] == ["incomplete"]
    small = cifar_archives.write(tmp_path, "cifar100")
    prepare.prepare("cifar100", str(tmp_path), given=small, trust=True)
    assert [path.name for path in (tmp_path / "cifar100").iterdir()] == ["3.0.2"]
    assert len(data.load("cifar100", "train", str(tmp_path)).labels) == 15


def test_two_processes_at_once(tmp_path):
    made = cifar_archives.make("cifar100", {"train": 1000, "test": 6})
    archive = cifar_archives.write(tmp_path, "cifar100", made=made)
    arguments = ("cifar100", "--data_dir", tmp_path, "--archive", archive, "--trust")
    both = [subprocess.Popen(command(*arguments), stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    assert sum("preparing cifar100 from" in error for error in errors) == 1
    assert len(data.load("cifar100", "train+test", str(tmp_path)).labels) == 1006


def test_an_archive_that_is_refused_leaves_nothing_behind(tmp_path):
    (tmp_path / "bad.tar.gz").write_bytes(b"no archive")
    with pytest.raises(InputError, match="get it again"):
        prepare.prepare("cifar10", str(tmp_path / "new"), given=tmp_path / "bad.tar.gz", trust=True)
    assert not (tmp_path / "new").exists()


def test_a_directory_that_cannot_be_made(tmp_path, official):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written to"):
        prepare.prepare("cifar100", str(tmp_path / "file" / "data"), given=official)
