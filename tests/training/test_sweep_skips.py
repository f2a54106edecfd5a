"""A sweep of which one member's steps are not finite."""

import re

import pytest
from outcomes import rows
from stage import QUICKEST, Stage

from akd_jax import saved_run
from akd_jax.errors import NonFiniteError

HOT = "student_optimizer.learning_rate=1e+30,seed_0"


@pytest.fixture(scope="module")
def hot(tmp_path_factory):
    """Of the second member no step after its first one is finite."""
    settings = {"sweep": ("student_optimizer.learning_rate=0.05,1e30",), "student_optimizer.schedule": "constant"}
    return Stage(tmp_path_factory.mktemp("stage") / "none", QUICKEST | settings)


def test_a_member_that_is_not_finite_halts_all_with_what_they_saved(hot, tmp_path):
    with pytest.raises(NonFiniteError, match=rf"^{re.escape(HOT)}: .* and 4 such steps in a row"):
        hot.train(tmp_path, max_skipped=4, save_minutes=0.0)
    members = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert len(members) == 2
    assert [saved_run.read(member).progress.round for member in members] == [2, 2]


def test_a_member_that_is_not_finite_may_stand_still(hot, tmp_path):
    hot.train(tmp_path, max_skipped=1_000_000, save_minutes=0.0)
    skipped = [row["skipped_steps"] for row in rows(tmp_path / HOT) if row["kind"] == "train"]
    assert sum(skipped) == 2 * 6 - 1 and saved_run.read(tmp_path / HOT).progress.ending == "all rounds are played"
