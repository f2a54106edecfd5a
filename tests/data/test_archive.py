"""The official archives, and one clear error for everything that is not one."""

import hashlib
import io
import tarfile

import cifar_archives
import numpy as np
import pytest

from akd_jax.data import archive
from akd_jax.data.cifar import CIFARS
from akd_jax.data.pickles import read_record
from akd_jax.errors import InputError

NAMES = tuple(CIFARS)
KINDS = cifar_archives.KINDS


def refusal(path, name):
    with pytest.raises(InputError) as caught:
        archive.read(path, CIFARS[name])
    message = str(caught.value)
    assert message.startswith(str(path)) and "\n" not in message
    return message


def packed(tmp_path, name, kind, **changes):
    """An archive with members changed by a function of their bytes; None leaves one out."""
    files = cifar_archives.members(name, kind, cifar_archives.make(name))
    files |= {member: change and change(files[member]) for member, change in changes.items()}
    files = {member: content for member, content in files.items() if content is not None}
    return cifar_archives.pack(tmp_path / "archive.tar.gz", getattr(CIFARS[name], kind).folder, files)


def assert_holds(contents, name):
    assert contents.names == cifar_archives.class_names(name)
    for split, (images, labels) in cifar_archives.make(name).items():
        np.testing.assert_array_equal(contents.splits[split].images, images, strict=True)
        for key, values in labels.items():
            np.testing.assert_array_equal(contents.splits[split].labels[key], values)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_packed_and_unpacked(tmp_path, name, kind):
    path = packed(tmp_path, name, kind)
    assert_holds(archive.read(path, CIFARS[name]), name)
    with tarfile.open(path) as tar:
        tar.extractall(tmp_path, filter="data")
    folder = tmp_path / getattr(CIFARS[name], kind).folder
    assert_holds(archive.read(folder, CIFARS[name]), name)
    assert_holds(archive.read(tmp_path, CIFARS[name]), name)
    assert_holds(archive.read(folder.rename(tmp_path / "mine"), CIFARS[name]), name)


def test_official_pickle():
    """The bytes of CIFAR-10's own batches.meta, by the MD5 that torchvision gives for it."""
    names = b"airplane automobile bird cat deer dog frog horse ship truck".split()
    listed = b"".join(b"U" + bytes([len(name)]) + name + b"q" + bytes([5 + i]) for i, name in enumerate(names))
    official = b"\x80\x02}q\x01(U\x13num_cases_per_batchq\x02M\x10'U\x0blabel_namesq\x03]q\x04(" + listed
    official += b"eU\x07num_visq\x0fM\x00\x0cu."
    assert hashlib.md5(official).hexdigest() == "5ff9c542aee3614f3951f8cda6e48888"
    record = read_record(official)
    assert record["label_names"] == [name.decode() for name in names] and record["num_vis"] == 3072


def test_arrays_in_fortran_order():
    """As numpy pickles an array whose transpose is contiguous."""
    array = np.asfortranarray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    np.testing.assert_array_equal(read_record(cifar_archives.python2_pickle({b"data": array}))["data"], array)


def test_pickles_of_python_3():
    """Protocol 2 writes bytes as a call of _codecs.encode."""
    import pickle

    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    record = read_record(pickle.dumps({b"data": array, "names": [b"\xe9"]}, protocol=2))
    np.testing.assert_array_equal(record["data"], array)
    assert record["names"] == ["\xe9"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_missing_members(tmp_path, name, kind):
    official = getattr(CIFARS[name], kind)
    for member in cifar_archives.members(name, kind, cifar_archives.make(name)):
        path = packed(tmp_path, name, kind, **{member: None})
        assert f"lacks {official.folder}/{member}" in refusal(path, name)


def test_an_archive_of_another_set(tmp_path):
    path = packed(tmp_path, "cifar10", "binary")
    assert "holds no cifar-100-binary and no cifar-100-python of cifar100, but cifar10" in refusal(path, "cifar100")


@pytest.mark.parametrize(
    ("kind", "member", "change", "says"),
    [
        ("binary", "test.bin", lambda content: content[:-1], "test.bin has 18,443 bytes, wanted a multiple of 3,074"),
        ("binary", "test.bin", lambda _: b"", "images of uint8 (0, 3072)"),
        ("binary", "train.bin", lambda content: b"\x14" + content[1:], "the coarse_label 20, wanted 0 to 19"),
        ("binary", "train.bin", lambda content: b"\0\x64" + content[2:], "the label 100, wanted 0 to 99"),
        ("binary", "fine_label_names.txt", lambda content: content[:-9], "names 99 classes as label, wanted 100"),
        ("python", "test", lambda content: content[:-9], "test is not the pickle of a CIFAR archive"),
        ("python", "test", lambda _: b"", "test is not the pickle of a CIFAR archive"),
        ("python", "meta", lambda _: b"\x80\x02}.", "meta has no 'coarse_label_names'"),
        ("python", "test", lambda _: b"\x80\x02}.", "test has no 'data'"),
        ("python", "test", lambda content: content.replace(b"u1", b"i8"), "an array of i8"),
    ],
)
def test_members_of_another_form(tmp_path, kind, member, change, says):
    assert says in refusal(packed(tmp_path, "cifar100", kind, **{member: change}), "cifar100")


@pytest.mark.parametrize(
    ("labels", "says"),
    [([0, 0, 100], "the label 100"), ([0, -1, 0], "the label -1"), ([0, 0], "(2,)"), ([0.5, 0, 0], "float64")],
)
def test_labels_of_another_form(tmp_path, labels, says):
    record = {b"data": np.zeros((3, 3072), np.uint8), b"fine_labels": labels, b"coarse_labels": [0, 0, 0]}
    path = packed(tmp_path, "cifar100", "python", test=lambda _: cifar_archives.python2_pickle(record))
    assert says in refusal(path, "cifar100")


def test_a_pickle_runs_nothing(tmp_path):
    marker = tmp_path / "marker"
    hostile = b"cposix\nsystem\n(S'touch %s'\ntR." % str(marker).encode()
    path = packed(tmp_path, "cifar100", "python", test=lambda _: b"\x80\x02" + hostile)
    refusal(path, "cifar100")
    assert not marker.exists()


@pytest.mark.parametrize("share", [0, 0.3, 0.99])
def test_archives_cut_short(tmp_path, share):
    path = packed(tmp_path, "cifar100", "binary")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "is no whole .tar.gz" in refusal(path, "cifar100")


def test_a_web_page(tmp_path):
    path = tmp_path / "cifar-100-binary.tar.gz"
    path.write_text("<!DOCTYPE html>")
    assert "is no whole .tar.gz" in refusal(path, "cifar100")


def test_nothing_is_extracted(tmp_path):
    """Members outside the folder are nobody's, and a link is no member."""
    (tmp_path / "inner").mkdir()
    path = packed(tmp_path, "cifar100", "binary")
    inner = tmp_path / "inner" / "archive.tar.gz"
    with tarfile.open(path) as tar, tarfile.open(inner, "w:gz") as evil:
        for name in ("../escaped", str(tmp_path / "absolute"), "cifar-100-binary/../../escaped"):
            info = tarfile.TarInfo(name)
            info.size = 1
            evil.addfile(info, io.BytesIO(b"x"))
        for member in tar:
            evil.addfile(member, tar.extractfile(member))
    before = sorted(tmp_path.rglob("*"))
    assert_holds(archive.read(inner, CIFARS["cifar100"]), "cifar100")
    assert sorted(tmp_path.rglob("*")) == before


def test_links_are_no_members(tmp_path):
    path = packed(tmp_path, "cifar100", "binary")
    linked = tmp_path / "linked.tar.gz"
    with tarfile.open(path) as tar, tarfile.open(linked, "w:gz") as other:
        for member in tar:
            if member.name.endswith("/test.bin"):
                member.type, member.linkname, member.size = tarfile.SYMTYPE, "train.bin", 0
                other.addfile(member)
            else:
                other.addfile(member, tar.extractfile(member))
    assert "lacks cifar-100-binary/test.bin" in refusal(linked, "cifar100")


def test_checksums(tmp_path, monkeypatch):
    path = cifar_archives.write(tmp_path, "cifar100")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    cifar = CIFARS["cifar100"]
    with pytest.raises(InputError, match=rf"expected sha256 58a81ae1.* \(cifar-100-binary.*, found {found}"):
        archive.verify(path, cifar)
    with pytest.raises(InputError, match=r"expected sha256 58a81ae1.* or 85cd44d0.*--trust"):
        archive.verify(path.rename(tmp_path / "renamed"), cifar)
    archive.verify(tmp_path / "renamed", cifar._replace(python=cifar.python._replace(sha256=found)))
    with pytest.raises(InputError, match="renamed is an archive of cifar100, wanted one of cifar10"):
        monkeypatch.setitem(CIFARS, "cifar100", cifar._replace(python=cifar.python._replace(sha256=found)))
        archive.verify(tmp_path / "renamed", CIFARS["cifar10"])
    with pytest.raises(InputError, match="a folder, which has no checksum: give --trust"):
        archive.verify(tmp_path, cifar)
