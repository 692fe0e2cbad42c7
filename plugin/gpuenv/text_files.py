"""Write text files that belong together: all of them or none. A leaf for the commands that write recipes and locks."""

from __future__ import annotations

import errno
import os
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from gpuenv.errors import Hint, TargetError


def write_texts(texts: Mapping[Path, str]) -> None:
    """Write every file in UTF-8, with the directories they need; nothing is replaced before all of it is on the disk.

    Raises TargetError for a directory that cannot be made or written, OSError for a full disk.
    """
    written: list[tuple[Path, Path]] = []
    path = Path()
    try:
        for path, text in texts.items():
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{os.getpid()}")
            written.append((temporary, path))
            temporary.write_text(text, "utf-8")
        for temporary, path in written:
            os.replace(temporary, path)
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            err.filename = err.filename or str(path)  # what failed was writing into a file that was open
            raise
        raise TargetError(
            f"`{path}` cannot be written",
            cause=str(err),
            hints=[Hint("write.elsewhere", "choose a directory that you may write to")],
        ) from err
    finally:
        for temporary, _ in written:
            with suppress(OSError):  # a file system that is read only refuses this too, of a file that is not there
                temporary.unlink(missing_ok=True)


def typed(path: Path | str) -> str:
    """Print a path as somebody would type it: relative to where they are when it lies below, quoted for the shell."""
    path = Path(path)
    try:
        here = Path.cwd()
    except FileNotFoundError:  # a directory that was deleted meanwhile
        here = path
    below = path.is_absolute() and path != here and path.is_relative_to(here)
    text = str(path.relative_to(here) if below else path)
    if sys.platform == "win32":
        return f'"{text}"' if " " in text else text
    return shlex.quote(text)
