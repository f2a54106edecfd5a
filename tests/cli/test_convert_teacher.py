"""akd-convert: a checkpoint becomes a teacher directory."""

import json
import os
import pickle
from pathlib import Path

import pytest
from checkpoint_files import legacy, zipped
from commands import CHECKPOINT, W8, contents, status

from akd_jax import checkpoint
from akd_jax.cli import convert_teacher
from akd_jax.convert.reader import read_checkpoint


def test_converted_teacher(tmp_path, capsys):
    out = tmp_path / "deep" / "teacher"
    assert status(convert_teacher, *W8, "--data", "digits", "--out", out) == 0
    printed = capsys.readouterr().out
    assert "176,258 parameters" in printed and "top-1 on digits test, 400 images: 9" in printed
    info = json.loads((out / "teacher.json").read_text())
    assert info["arch"] == "resnet18_8x_w8" and info["mean"] == [0.305276] and info["top1"]["digits"] > 0.985
    before = contents(out)
    assert status(convert_teacher, *W8, "--data", "digits", "--out", out) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert contents(out) == before
    assert status(convert_teacher, *W8, "--mean", "0.3", "--std", "0.3", "--out", out, "--overwrite") == 0
    assert json.loads((out / "teacher.json").read_text())["mean"] == [0.3]


def test_converting_says_what_it_found(tmp_path, capsys):
    torch = pytest.importorskip("torch", reason="torch is a test dependency on Python 3.11 only")
    weights = {name: torch.tensor(value) for name, value in read_checkpoint(CHECKPOINT).items()}
    torch.save({"net": weights}, tmp_path / "mine.pth")
    flags = ("--mean", "0.9", "--std", "0.05", "--data", "digits", "--verify", "--out", tmp_path / "teacher")
    assert status(convert_teacher, tmp_path / "mine.pth", *flags) == 0
    printed = capsys.readouterr().out
    for says in (
        "read: the state dict under net\n",
        "resnet18_8x_w8, layout torchvision: 4 stages of 2 blocks, widths 8, 16, 32, 64, 3x3 stem, 3 shortcut conv",
        "logits of 64 test images: PyTorch's differ by at most",
        "another normalisation, digits's, fits better: loss 0.",
    ):
        assert says in printed


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "no checkpoint file at teacher/best_resnet34_cifar100.pth"),
        (("nowhere.pth",), "no checkpoint file at nowhere.pth"),
        ((*W8,), "1 channels"),
        ((CHECKPOINT, "--arch", "resnet10_8x_w8", "--data", "digits"), "layer1.1.conv1.weight"),
        ((CHECKPOINT, "--arch", "nobody", "--data", "digits"), "resnet18_8x_w8"),
        ((*W8, "--data", "mnist", "--mean", "0.3", "--std", "0.3"), "mnist"),
        ((*W8, "--data", "digits", "--key", "ema"), "'ema'"),
        ((*W8, "--data", "digits", "--num_classes", "-3"), "not a whole number, at least 1"),
        ((*W8, "--data", "digits", "--num_classes", "7"), "fc.weight"),
        ((*W8, "--mean", "0.3", "--std", "0"), "std=(0.0,)"),
        ((*W8, "--mean", "77", "--std", "0.3"), "divided by 255"),
        ((*W8, "--mean", "0.3"), "--mean and --std go together"),
        ((*W8, "--mean", "0.3", "--std", "nan"), "std=(nan,)"),
        ((*W8, "--mean", "0.3,x", "--std", "0.3"), "--mean"),
    ],
)
def test_converting_refuses(refused, arguments, says):
    assert says in refused(convert_teacher, *arguments, *(("--out", "teacher") if arguments else ()))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"<html></html>", "web page"),
        (Path(CHECKPOINT).read_bytes()[:-3000], "cut short"),
        (zipped(**{"constants.pkl": b"", "code/__torch__.py": b""}), "TorchScript"),
    ],
    ids=["empty", "web page", "truncated", "TorchScript"],
)
def test_converting_refuses_a_file_that_is_no_checkpoint(refused, tmp_path, content, says):
    (tmp_path / "file.pth").write_bytes(content)
    assert says in refused(convert_teacher, "file.pth")


class Hostile:
    def __reduce__(self):
        return os.mkdir, ("marker",)


@pytest.mark.parametrize("form", [zipped, legacy, bytes])
def test_converting_a_hostile_file_executes_nothing_of_it(refused, tmp_path, form):
    """`refused` sees that the directory stays as it was."""
    (tmp_path / "file.pth").write_bytes(form(pickle.dumps({"w": Hostile()}, 2)))
    error = refused(convert_teacher, "file.pth")
    assert f"names {os.mkdir.__module__}.mkdir, which a checkpoint of weights never needs: refused" in error


def test_converting_refuses_a_directory(refused, tmp_path):
    (tmp_path / "model.pth").mkdir()
    assert "no checkpoint file at model.pth" in refused(convert_teacher, "model.pth")


@pytest.mark.parametrize("flags", [(), ("--overwrite",)])
def test_an_interrupted_conversion_leaves_nothing(tmp_path, monkeypatch, flags):
    """Nor does it touch the teacher that it was to replace."""
    command = (*W8, "--mean", "0.3", "--std", "0.3", "--out", tmp_path / "teacher", *flags)
    if flags:
        assert status(convert_teacher, *command) == 0
    before = contents(tmp_path)

    def interrupted(directory, tree):
        save_tree(directory, tree)
        raise KeyboardInterrupt

    save_tree = checkpoint.save_tree
    monkeypatch.setattr(checkpoint, "save_tree", interrupted)
    assert status(convert_teacher, *command) == 130
    assert contents(tmp_path) == before and len(list(tmp_path.iterdir())) == len(flags)


def test_converting_refuses_a_file_for_a_directory(refused, tmp_path):
    (tmp_path / "file").write_text("")
    assert "--out" in refused(convert_teacher, *W8, "--data", "digits", "--out", "file/teacher")
