"""What the tests of the reader share."""

import pytest

from akd_jax.convert.reader import CheckpointError, read_checkpoint


@pytest.fixture
def file_name():
    return "model.pth"


@pytest.fixture
def read(tmp_path, file_name):
    def read(content):
        path = tmp_path / file_name
        path.write_bytes(content)
        return read_checkpoint(path)

    return read


@pytest.fixture
def refused(read):
    def refused(content, says=""):
        with pytest.raises(CheckpointError) as caught:
            read(content)
        message = str(caught.value)
        assert says in message
        assert "\n" not in message
        assert len(message) < 400
        assert "weights_only" not in message and "trust" not in message
        return message

    return refused
