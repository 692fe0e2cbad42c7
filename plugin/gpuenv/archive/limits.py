"""How much an archive may hold before it counts as one that is made to fill the disk."""

from __future__ import annotations

import os
from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that an archive may hold, declared or real.

    `unpacked_bytes` counts every member, wanted or not. `ratio` is unpacked to packed size, looked at from
    `ratio_from_bytes` on: NVIDIA's archives reach about 10. With `windows` names are refused that Windows gives
    another meaning (`con`, `a:b`, a dot at the end).
    """

    unpacked_bytes: int = 32 * 1024 * MIB
    members: int = 100_000
    ratio: float = 200.0
    ratio_from_bytes: int = 256 * MIB
    windows: bool = os.name == "nt"
