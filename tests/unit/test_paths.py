from __future__ import annotations

from pathlib import Path

import pytest

from gpuenv.paths import ASIDE, aside, is_aside


@pytest.mark.parametrize("why", ASIDE)
def test_is_aside__what_was_moved__is_known_again(why: str) -> None:
    assert is_aside(aside(Path("/envs/tf 2.4"), why))


@pytest.mark.parametrize("name", ["tf", ".venv", ".tf.before", ".before-12", "tf.before-12"])
def test_is_aside__any_other_directory__is_not(name: str) -> None:
    assert not is_aside(Path("/envs", name))
