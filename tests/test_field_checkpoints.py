"""Checkpoints as the field's repositories save them, from the file to the logits that PyTorch gives."""

import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch, the oracle, is a test dependency on Python 3.11 only")

from torch_reference import VGG, WideResNet
from torch_to_jax import scramble

from akd_jax.convert.teacher import convert
from akd_jax.models import make_classifier

MEAN, STD = (0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)
CHECKPOINTS = {  # architecture: (PyTorch's module, where its repository puts the state dict)
    "wrn16_2": (lambda: WideResNet(16, 2, 100), "model"),  # RepDistiller
    "wrn40_1": (lambda: WideResNet(40, 1, 100), "state_dict"),  # zju-vipa
    "vgg11_bn": (lambda: VGG((1, 1, 2, 2, 2), 100), "state_dict"),  # zju-vipa
}


@pytest.mark.parametrize("arch", CHECKPOINTS)
def test_logits(arch, tmp_path):
    build, wrapper = CHECKPOINTS[arch]
    random = torch.Generator().manual_seed(0)
    module = scramble(build(), random).eval()
    torch.save({"epoch": 240, wrapper: module.state_dict(), "best_acc": 75.6}, tmp_path / "teacher.pth")
    teacher, variables = convert(tmp_path / "teacher.pth", arch=arch, mean=MEAN, std=STD)
    assert (teacher.classes, teacher.channels) == (100, 3)
    assert teacher.parameters == sum(parameter.numel() for parameter in module.parameters())
    images = torch.randn(4, 3, 32, 32, generator=random)
    with torch.no_grad():
        wanted = module(images).numpy()
    network = make_classifier(arch, 100, image_size=32)
    outputs, _ = network.apply(variables, jnp.asarray(images.numpy().transpose(0, 2, 3, 1)), train=False)
    assert np.abs(outputs.logits - wanted).max() <= 1e-5 * np.abs(wanted).max()
