"""How much an archive may hold before it counts as one that is made to fill the disk."""

from __future__ import annotations

import os
from dataclasses import dataclass

from gpuenv.errors import ArchiveError

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that an archive may hold, by what it says and by what comes out of it.

    `unpacked_bytes` counts every member, wanted or not; the largest archive of NVIDIA's that gpuenv knows unpacks to
    about 3 GiB. `ratio` is unpacked to packed size, looked at from `ratio_from_bytes` on: those archives stay below 10.
    With `windows` names are refused that Windows gives another meaning.
    """

    unpacked_bytes: int = 32 * 1024 * MIB
    members: int = 100_000
    ratio: float = 200.0
    ratio_from_bytes: int = 256 * MIB
    windows: bool = os.name == "nt"

    def check(self, unpacked_bytes: int, packed_bytes: int, members: int = 0) -> None:
        """Raise ArchiveError when the numbers, declared or counted, are beyond the limits."""
        if members > self.members:
            raise _bomb(f"expected at most {self.members} members, found more")
        if unpacked_bytes > self.unpacked_bytes:
            raise _bomb(f"expected at most {self.unpacked_bytes} bytes, found {unpacked_bytes} or more")
        if unpacked_bytes > self.ratio_from_bytes and unpacked_bytes > self.ratio * packed_bytes:
            raise _bomb(f"{packed_bytes} bytes unpack to {unpacked_bytes} or more")


def _bomb(cause: str) -> ArchiveError:
    return ArchiveError("it unpacks to more than any archive of NVIDIA's", cause=cause)
