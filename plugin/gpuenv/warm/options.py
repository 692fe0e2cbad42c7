"""What the user may say about compiling ahead."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WarmOptions:
    """Most workers (None: a core each), which GPU (None: the first that compiles), and the time limit in seconds."""

    jobs: int | None = None
    gpu_index: int | None = None
    timeout_s: float = 3600.0
