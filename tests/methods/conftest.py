"""What the tests of the methods share."""

import pytest
from tiny_game import make_game


@pytest.fixture(scope="module")
def game():
    return make_game()
