"""Teachers on disk: read back as they were saved, and no arrays but those."""

import dataclasses
import gc
import json
from pathlib import Path

import jax
import numpy as np
import pytest

import akd_jax
from akd_jax import digest, digits, teacher_files, workdir
from akd_jax.config import TeacherConfig
from akd_jax.convert.teacher import convert
from akd_jax.errors import InputError

CHECKPOINT = Path(akd_jax.__file__).parent / "assets" / "digits_teacher.pth"
NORMALISATION = {"mean": (digits.MEAN,), "std": (digits.STD,)}
ARCH = "resnet18_8x_w8"


@pytest.fixture(scope="module")
def converted():
    return convert(CHECKPOINT, arch=ARCH, **NORMALISATION)


@pytest.fixture
def saved(converted, tmp_path):
    teacher_files.save(tmp_path / "teacher", *converted)
    return tmp_path / "teacher"


def test_read_back_bitwise(converted, saved):
    info, variables = teacher_files.read(saved)
    assert info == converted[0]
    assert jax.tree.structure(variables) == jax.tree.structure(converted[1])
    for ours, theirs in zip(jax.tree.leaves(variables), jax.tree.leaves(converted[1]), strict=True):
        np.testing.assert_array_equal(ours, theirs, strict=True)


def test_a_record_from_before_layouts_were_kept(converted, saved):
    path = saved / workdir.TEACHER
    record = json.loads(path.read_text())
    del record["layout"], record["key"]
    path.write_text(json.dumps(record))
    assert teacher_files.read(saved)[0] == dataclasses.replace(converted[0], layout="", key="")


def test_loaded_from_either_form(converted, saved):
    for path in (CHECKPOINT, saved):
        config = TeacherConfig(path=str(path), arch=ARCH, **NORMALISATION)
        assert teacher_files.load(config)[0].digest == converted[0].digest


def test_an_existing_directory_stays(converted, saved):
    before = (saved / workdir.TEACHER).read_bytes()
    with pytest.raises(InputError, match="exists: give --overwrite"):
        teacher_files.save(saved, *converted)
    assert (saved / workdir.TEACHER).read_bytes() == before
    info = dataclasses.replace(converted[0], top1={"digits": 0.5})
    teacher_files.save(saved, info, converted[1], overwrite=True)
    assert teacher_files.read(saved)[0].top1 == {"digits": 0.5}
    assert [path.name for path in saved.parent.iterdir()] == ["teacher"]  # nothing beside it is left


def test_changed_arrays_are_refused(converted, saved):
    info, variables = converted
    changed = jax.tree.map(np.copy, variables)
    changed.params["fc"]["bias"][0] += 1
    other = saved.with_name("other")
    teacher_files.save(other, info, changed)
    with pytest.raises(InputError, match="not those that were saved"):
        teacher_files.read(other)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Orbax drops its other reads
def test_damaged_arrays_are_refused(converted, saved):
    """Whatever file is cut short, nobody gets other numbers."""
    files = [
        path for path in (saved / teacher_files.ARRAYS).rglob("*") if path.is_file() and path.stat().st_size > 1000
    ]
    refused = 0
    for path in files:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        try:
            _, variables = teacher_files.read(saved)
        except InputError:
            refused += 1
        else:  # a file that holds no array
            assert digest.of_tree(variables) == converted[0].digest
        path.write_bytes(content)
    assert refused
    gc.collect()  # under this test's filter


@pytest.mark.parametrize(
    "change",
    [
        {"arch": "resnet10_8x_w8"},
        {"arch": "nobody"},
        {"classes": 11},
        {"channels": 3},
        {"digest": "sha256:0"},
        {"unheard": 1},
    ],
)
def test_a_changed_description_is_refused(saved, change):
    path = saved / workdir.TEACHER
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=str(saved)):
        teacher_files.read(saved)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", None])
def test_no_description(saved, content):
    (saved / workdir.TEACHER).unlink() if content is None else (saved / workdir.TEACHER).write_text(content)
    with pytest.raises(InputError, match="akd-convert"):
        teacher_files.read(saved)


def test_a_missing_teacher_says_how_to_get_one(tmp_path):
    config = TeacherConfig(path=str(tmp_path / "none"), arch=ARCH, **NORMALISATION)
    with pytest.raises(InputError, match=r"convert_teacher\.py.*--config\.teacher\.path"):
        teacher_files.load(config)


def test_overwriting_spares_whatever_is_no_teacher(saved, converted):
    (saved / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="exists and is no converted teacher"):
        teacher_files.save(saved, *converted, overwrite=True)
    assert (saved / "notes.txt").read_text() == "mine"
