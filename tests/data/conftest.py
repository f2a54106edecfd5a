"""What the tests of prepared data share."""

import cifar_archives
import pytest

from akd_jax.data import cifar, prepare


@pytest.fixture
def nowhere(monkeypatch):
    """No network."""
    monkeypatch.setattr(prepare, "reachable", lambda _: False)


@pytest.fixture(scope="session", params=tuple(cifar.CIFARS))
def made(request, tmp_path_factory):
    """(name, data_dir prepared from a binary archive), to look at."""
    root = tmp_path_factory.mktemp("data")
    archive = cifar_archives.write(tmp_path_factory.mktemp("archive"), request.param)
    folder = prepare.prepare(request.param, str(root), given=archive, trust=True)
    assert folder == root / request.param / "3.0.2"
    return request.param, root
