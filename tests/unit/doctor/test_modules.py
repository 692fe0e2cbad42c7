from __future__ import annotations

import pytest

from gpuenv.doctor.modules import KNOWN, is_of_a_distribution


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("cv2", True),
        ("keras.utils.generic_utils", True),
        ("PIL", True),
        ("tensorflow_something_new", True),
        ("_pywrap_tensorflow_internal", True),
        ("pd", False),
        ("my_models.unet", False),
        ("sequence_example_lib", False),
        ("utils", False),
        ("nets", False),
    ],
)
def test_is_of_a_distribution__module__is_one_that_an_installation_brings(module: str, expected: bool) -> None:
    assert is_of_a_distribution(module) is expected


def test_known__names_that_programs_give_their_own_files__are_not_among_them() -> None:
    assert KNOWN.isdisjoint({"utils", "model", "models", "config", "data", "train", "dataset", "common", "lib", "src"})
