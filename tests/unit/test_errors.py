from __future__ import annotations

import re
from pathlib import Path

from gpuenv import errors
from gpuenv.errors import GpuenvError

DOCS = Path(__file__).parents[2] / "docs" / "exit-codes.md"


def classes() -> list[type[GpuenvError]]:
    found = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, GpuenvError)]
    assert len(found) > 8
    return found


def test_exit_codes__every_class__is_documented_with_its_code() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*?) \|", DOCS.read_text(), re.MULTILINE)
    documented = {name: int(code) for code, names in rows for name in re.findall(r"`(\w+)`", names)}
    assert documented == {cls.__name__: cls.exit_code for cls in classes()}


def test_codes__are_unique() -> None:
    codes = [cls.code for cls in classes()]
    assert len(codes) == len(set(codes))
