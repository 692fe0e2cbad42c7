"""Where the dynamic linker looks: the entries of an RPATH, and the system's own directories."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

_SYSTEM_DIRS = ("/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib")


def expanded(entries: Iterable[str], origin: Path) -> tuple[Path, ...]:
    """Replace `$ORIGIN`, which for the dynamic linker is the directory of the link, not of the file behind it."""
    replaced = (entry.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", str(origin)) for entry in entries)
    return tuple(Path(os.path.normpath(entry)) for entry in replaced)


@lru_cache(maxsize=1)
def system_dirs() -> tuple[Path, ...]:
    """Return where the dynamic linker looks on its own: the usual directories and those of /etc/ld.so.conf.d."""
    configured = []
    for file in sorted(Path("/etc/ld.so.conf.d").glob("*.conf")):
        configured += [line.strip() for line in file.read_text("utf-8", "replace").splitlines()]
    multiarch = [str(path) for root in ("/lib", "/usr/lib") for path in Path(root).glob("*-linux-gnu")]
    return tuple(Path(entry) for entry in (*_SYSTEM_DIRS, *multiarch, *configured) if entry.startswith("/"))
