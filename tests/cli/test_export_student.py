"""akd-export: students, generators and teachers in every format."""

import json

import pytest
from commands import STUDENT, W8, contents, lose_data, status

from akd_jax.cli import convert_teacher, export_student


@pytest.mark.parametrize(
    ("format", "library", "flags"),
    [
        ("pytorch", "torch", ()),
        pytest.param(
            "pytorch", "torch", ("--fold_batch_norm", "--best", "--layout", "torchvision"), marks=pytest.mark.slow
        ),
        ("safetensors", "safetensors", ("--fold_batch_norm",)),
        ("stablehlo", "flatbuffers", ("--pixels",)),
        pytest.param("onnx", "onnxruntime", (), marks=pytest.mark.slow),
        ("onnx", "onnxruntime", ("--fold_batch_norm", "--pixels")),
    ],
)
def test_exported_student(run, tmp_path, capsys, format, library, flags):
    pytest.importorskip(library)
    out = tmp_path / "deep" / "student"
    assert status(export_student, "--workdir", run, "--format", format, "--out", out, *flags) == 0
    printed = capsys.readouterr().out
    assert f"{STUDENT}, student: 398 parameters" in printed and f"written: {out}" in printed
    assert "verified: " in printed and "not verified" not in printed and "32 images of digits test" in printed
    assert ("pixels uint8 [batch, 16, 16, 1]" if "--pixels" in flags else "mean [0.305276]") in printed
    before = contents(tmp_path)
    assert len(before) == (3 if format == "safetensors" else 1)
    assert status(export_student, "--workdir", run, "--format", format, "--out", out, *flags) == 2
    assert "--overwrite" in capsys.readouterr().err and contents(tmp_path) == before
    assert status(export_student, "--workdir", run, "--format", format, "--out", out, *flags, "--overwrite") == 0
    assert contents(tmp_path) == before


def test_an_exported_card_says_what_summary_says(run, tmp_path):
    pytest.importorskip("safetensors")
    out = tmp_path / "student"
    assert status(export_student, "--workdir", run, "--format", "safetensors", "--best", "--out", out) == 0
    facts = json.loads((out / "config.json").read_text())
    best = json.loads((run / "summary.json").read_text())["students"][STUDENT]["best"]
    assert facts["top1"] == {f"digits {split}": figures["top1"] for split, figures in best.items()}
    assert (facts["architecture"], facts["rounds"], facts["layout"]) == (STUDENT, best["test"]["round"], "cifar")


@pytest.mark.parametrize("format", ["pytorch", "onnx", "stablehlo"])
def test_exported_generator(run, tmp_path, capsys, format):
    pytest.importorskip({"pytorch": "torch", "onnx": "onnxruntime", "stablehlo": "flatbuffers"}[format])
    assert status(export_student, "--workdir", run, "--generator", "--format", format, "--out", tmp_path / "file") == 0
    printed = capsys.readouterr().out
    assert "on 32 latents" in printed and "latents float32 [batch, 64], normal -> images float32 [batch, " in printed


def test_exported_teacher(tmp_path, capsys):
    """And converted again: the same arrays."""
    pytest.importorskip("torch")
    assert status(convert_teacher, *W8, "--data", "digits", "--out", tmp_path / "teacher") == 0
    flags = ("--teacher", tmp_path / "teacher", "--out", tmp_path / "out.pth", "--format", "pytorch")
    assert status(export_student, *flags, "--data", "digits") == 0
    assert "resnet18_8x_w8, teacher: 176,258 parameters" in capsys.readouterr().out
    again = (tmp_path / "out.pth", "--arch", "resnet18_8x_w8", "--data", "digits", "--out", tmp_path / "again")
    assert status(convert_teacher, *again) == 0
    digests = [json.loads((tmp_path / n / "teacher.json").read_text())["digest"] for n in ("teacher", "again")]
    assert digests[0] == digests[1]
    capsys.readouterr()
    assert status(export_student, *flags, "--image_size", "16", "--overwrite") == 0
    assert "32 images of noise" in capsys.readouterr().out


def test_an_export_without_the_runs_data_is_compared_on_generated_images(run, tmp_path, monkeypatch, capsys):
    pytest.importorskip("safetensors")
    lose_data(monkeypatch)
    assert status(export_student, "--workdir", run, "--format", "safetensors", "--out", tmp_path / "a.safetensors") == 0
    assert "32 generated images" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_an_export_that_its_runtime_reads_otherwise_is_not_written(refused, run, monkeypatch):
    pytest.importorskip("safetensors")
    from akd_jax.export import formats

    monkeypatch.setattr(formats, "TOLERANCE", -1.0)
    error = refused(export_student, "--workdir", run, "--format", "safetensors", "--out", "out", code=1)
    assert "reads something else" in error and "nothing written" in error


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "--format"),
        (("--format", "tflite"), "onnx"),
        (("--format", "onnx"), "train one first"),
        (("--format", "pytorch", "--workdir", "nowhere"), "nowhere is no run"),
        (("--format", "pytorch", "--teacher", "nowhere"), "nowhere is not there"),
        (("--format", "onnx", "--teacher", "nowhere", "--best"), "one or the other"),
        (("--format", "onnx", "--generator", "--student", STUDENT), "--generator goes without"),
        (("--format", "onnx", "--layout", "cifar"), "--layout: onnx has no PyTorch names"),
        (("--format", "pytorch", "--pixels"), "--pixels: pytorch holds weights alone"),
        (("--format", "onnx", "--image_size", "32"), "--image_size goes with --teacher"),
        (("--format", "onnx", "--out", "."), "is a directory"),
        (("--format", "safetensors", "--out", "."), "is no exported model"),
        (("--format", "safetensors", "--out", "file"), "is no exported model"),
        (("--format", "onnx", "--out", "file"), "--overwrite"),
        (("--format", "onnx", "--out", "file/out"), "--out"),
        (("--format", "onnx", "--nope"), "--nope"),
    ],
)
def test_exporting_refuses(refused, tmp_path, arguments, says):
    (tmp_path / "file").write_text("")
    assert says in refused(export_student, "--out", "out", *arguments)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--student", "nobody"), STUDENT),
        (("--layout", "repdistiller"), "names in torchvision, cifar"),
        (("--data", "nowhere.npz"), "nowhere.npz"),
    ],
)
def test_exporting_a_run_refuses(refused, run, arguments, says):
    assert says in refused(export_student, "--workdir", run, "--format", "pytorch", "--out", "out", *arguments)
