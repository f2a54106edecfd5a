"""What a conversion costs: a ResNet-34 of 85 MB takes under 2 seconds besides imports, and memory of less than 3 files.

In a process of its own, for its peak of memory. Processor time, since other programs make the clock's too long.
"""

import json
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch", reason="torch writes the file, and is a test dependency on Python 3.11 only")

from safetensors.torch import save_file

from akd_jax.torch_networks import ResNet

CONVERT = """
import json, resource, sys, time
from pathlib import Path
import jax
from akd_jax.convert.teacher import convert

def peak():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

jax.devices()
path, before, start = Path(sys.argv[1]), peak(), time.process_time()
info, _ = convert(path, arch="auto", mean=(0.5,) * 3, std=(0.5,) * 3)
print(json.dumps([info.arch, time.process_time() - start, (peak() - before) / path.stat().st_size]))
"""


@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
def test_resnet34(form, tmp_path):
    weights = ResNet((3, 4, 6, 3), (64, 128, 256, 512), 100, "imagenet").state_dict()
    path = tmp_path / "teacher"
    if form == "safetensors":
        save_file(weights, path)
    else:
        torch.save(weights, path, _use_new_zipfile_serialization=form == "zip")
    assert path.stat().st_size > 85e6
    printed = subprocess.run([sys.executable, "-c", CONVERT, path], capture_output=True, text=True, check=True).stdout
    arch, seconds, grown = json.loads(printed)
    assert arch == "resnet34" and grown < 3
    assert seconds < 4  # 1.3 on an idle core; twice the promise, for slower machines
