"""What several rules advise."""

from __future__ import annotations

RECREATE = "run `gpuenv create --force`, then `gpuenv verify`"
FRESH = "run `gpuenv create`, which installs a tested set of versions into an environment of its own"
