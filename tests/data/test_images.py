"""What must hold for images before they are compared with a teacher."""

import numpy as np
import pytest

from akd_jax.data import Images, check
from akd_jax.errors import InputError

HELD = Images(np.zeros((3, 4, 5, 1), np.uint8), np.array([0, 2, 1], np.int32), ("a", "b", "c"))


def test_images_that_fit():
    check(HELD, "mine", shape=(4, 5, 1), classes=3)
    check(HELD._replace(names=()), "mine", shape=(4, 5, 1), classes=7)


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (HELD._replace(images=HELD.images[:, :3]), "mine has images of (3, 5, 1), wanted (4, 5, 1)"),
        (HELD._replace(names=tuple("abcd")), "mine has 4 classes, but the teacher knows 3"),
        (HELD._replace(names=("a",)), "mine has 1 class, but the teacher knows 3"),
        (HELD._replace(names=(), labels=HELD.labels + 1), "mine has the label 3, but the teacher knows 3 classes"),
    ],
)
def test_images_that_do_not_fit(held, says):
    with pytest.raises(InputError) as caught:
        check(held, "mine", shape=(4, 5, 1), classes=3)
    assert says in str(caught.value)
