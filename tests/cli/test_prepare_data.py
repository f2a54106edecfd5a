"""prepare_data.py as a newcomer uses and misuses it."""

import cifar_archives
import pytest
from commands import status

from akd_jax.cli import prepare_data


@pytest.mark.parametrize("kind", cifar_archives.KINDS)
@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_prepared_once(name, kind, tmp_path, capsys):
    archive = cifar_archives.write(tmp_path, name, kind)
    root = tmp_path / "data"
    folder = root / name / "3.0.2"
    for words in (f"prepared in {folder}", f"are prepared already in {folder}; {archive} was not read"):
        assert status(prepare_data, name, "--data_dir", root, "--archive", archive, "--trust") == 0
        assert capsys.readouterr().out == f"{name}: 15 train, 6 test images {words}\n"


@pytest.mark.parametrize("split", ["train", "test"])
def test_prepared_and_then_cut(split, tmp_path, capsys):
    archive = cifar_archives.write(tmp_path, "cifar100")
    arguments = ("cifar100", "--data_dir", tmp_path, "--archive", archive, "--trust")
    assert status(prepare_data, *arguments) == 0
    records = next((tmp_path / "cifar100" / "3.0.2").glob(f"*{split}.array_record*"))
    records.write_bytes(records.read_bytes()[:-1000])
    capsys.readouterr()
    assert status(prepare_data, *arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "is damaged" in error and "delete this folder" in error


def test_prepared_from_a_folder(tmp_path, capsys):
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for member, content in cifar_archives.members("cifar100", "python", cifar_archives.make("cifar100")).items():
        (folder / member).write_bytes(content)
    assert status(prepare_data, "cifar100", "--data_dir", tmp_path, "--archive", folder, "--trust") == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "NAME"),
        (("digits",), "'digits' cannot be prepared: give cifar10 or cifar100"),
        (("mine.npz",), "are read as they are"),
        (("cifar100", "--archive", "nowhere.tar.gz"), "nowhere.tar.gz: no such file"),
        (("cifar100", "--archive", "cifar-100-binary.tar.gz"), "expected sha256 58a81ae192"),
        (("cifar100", "--archive", "."), "a folder, which has no checksum: give --trust"),
        (("cifar100", "--archive", ".", "--trust"), "holds no cifar-100-binary"),
        (("cifar10", "--archive", "cifar-100-binary.tar.gz"), "is an archive of cifar100, wanted one of cifar10"),
        (
            ("cifar10", "--archive", "cifar-100-binary.tar.gz", "--trust"),
            "holds no cifar-10-batches-bin and no cifar-10-batches-py of cifar10, but cifar100",
        ),
        (("cifar100", "--data_dir", "cifar-100-binary.tar.gz"), "--data_dir"),
        (("cifar100", "--nope"), "--nope"),
    ],
)
def test_refusals(arguments, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    cifar_archives.write(tmp_path, "cifar100")
    assert status(prepare_data, *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and says in error
    assert not list(tmp_path.rglob("dataset_info.json")) and not list(tmp_path.rglob("incomplete*"))
