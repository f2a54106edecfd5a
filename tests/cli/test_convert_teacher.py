"""akd-convert: a checkpoint becomes a teacher directory."""

import json

import pytest
from commands import CHECKPOINT, W8, contents, status

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


def test_converting_refuses_a_web_page(refused, tmp_path):
    (tmp_path / "page.pth").write_text("<html></html>")
    assert "web page" in refused(convert_teacher, "page.pth")


def test_converting_refuses_a_file_for_a_directory(refused, tmp_path):
    (tmp_path / "file").write_text("")
    assert "--out" in refused(convert_teacher, *W8, "--data", "digits", "--out", "file/teacher")
