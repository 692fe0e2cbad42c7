"""Make a conda environment with py-rattler and nothing else: what `gpuenv create --engine rattler` is compared with.

    python -m benchmarks.bare_rattler PREFIX CHANNEL SPEC ...

rattler's cache is where `RATTLER_CACHE_DIR` says.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import rattler


async def create(prefix: str, channel: str, specs: list[str]) -> None:
    """Solve and install."""
    repodata = Path(os.environ["RATTLER_CACHE_DIR"]) / "repodata"  # a gateway does not follow the variable by itself
    records = await rattler.solve(
        [channel],
        specs,
        gateway=rattler.Gateway(cache_dir=repodata),
        platforms=[rattler.Subdir.current(), rattler.Subdir("noarch")],
        virtual_packages=[one.into_generic() for one in rattler.VirtualPackage.detect()],
    )
    await rattler.install(records, prefix, show_progress=False)


if __name__ == "__main__":
    asyncio.run(create(sys.argv[1], sys.argv[2], sys.argv[3:]))
    os._exit(0)  # py-rattler 0.28 sometimes crashes when Python takes its modules down
