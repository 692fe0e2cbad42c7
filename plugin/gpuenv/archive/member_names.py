"""Which names in an archive are safe, and which two cannot stand in one directory. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import PurePosixPath

from gpuenv.errors import ArchiveError

# Names and characters that Windows gives another meaning. Source: "Naming Files, Paths, and Namespaces" in Microsoft's
# documentation of Win32 files, read 2026-11.
_RESERVED = frozenset(
    {
        "con",
        "prn",
        "aux",
        "nul",
        "conin$",
        "conout$",
        *(f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"),
    }
)
# As many as Linux follows. Source: path_resolution(7), read 2026-11.
_MOST_LINKS = 40
_FORBIDDEN = frozenset('<>:"|?*')


def safe_path(name: str, *, windows: bool) -> PurePosixPath:
    """Return a member's name as a path below whatever directory it goes to, `./` and `//` taken out.

    Raises ArchiveError for an absolute path, `..`, a backslash, a drive letter or a control character, and with
    `windows` for a name that means something else there: `nul.dll`, `a:b`, `cudnn.h.`.
    """
    path = PurePosixPath(name)
    problem = _problem(name, path) or (_windows_problem(path) if windows else None)
    if problem is not None:
        raise ArchiveError(
            f"it holds `{printable(name)}`, which {problem}", cause="no archive of NVIDIA's has such a name"
        )
    return path


def printable(name: str) -> str:
    """Return a name that can be shown: what a terminal would act on is escaped."""
    return name if name.isprintable() else ascii(name)[1:-1]


def _problem(name: str, path: PurePosixPath) -> str | None:
    if not path.parts:
        return "is no name"
    if path.is_absolute() or path.parts[0][1:2] == ":":
        return "is an absolute path"
    if ".." in path.parts:
        return "leads out of it"
    if "\\" in name:
        return "has a backslash in it"
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in name):
        return "has a control character in it"
    return None


def _windows_problem(path: PurePosixPath) -> str | None:
    for part in path.parts:
        if part.partition(".")[0].rstrip(" ").lower() in _RESERVED:
            return "is the name of a device on Windows"
        if part[-1] in ". ":
            return "ends in a dot or a space, which Windows takes away"
        if _FORBIDDEN & set(part):
            return "has a character in it that Windows does not allow"
    return None


def follow(path: PurePosixPath, links: Mapping[str, str]) -> PurePosixPath:
    """Return where a link leads in the end, through the other links of the archive, which `links` has by `key`.

    The text alone does not tell: with `a -> .`, `b -> a/../x` leads out. Raises ArchiveError for a link that leads out,
    or in a circle.
    """
    done: list[str] = []
    waiting = list(reversed(path.parts))
    followed = 0
    while waiting:
        part = waiting.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if not done:
                raise _leads(path, links, "out of it")
            done.pop()
            continue
        done.append(part)
        text = links.get(key(PurePosixPath(*done)))
        if text is not None:
            followed += 1
            if text.startswith("/") or "\\" in text or text[1:2] == ":" or not text:
                raise _leads(path, links, "out of it")
            if followed > _MOST_LINKS:
                raise _leads(path, links, "in a circle")
            done.pop()
            waiting.extend(reversed(text.split("/")))
    return PurePosixPath(*done)


def _leads(path: PurePosixPath, links: Mapping[str, str], where: str) -> ArchiveError:
    return ArchiveError(
        f"it holds a link `{printable(str(path))}` that leads {where}",
        cause=f"it says `{printable(links.get(key(path), ''))}`",
    )


class Places:
    """What is taken, so that no file lands on another one: in upper or lower case, composed or not, file or directory.

    The file systems of Windows and macOS hold `cudnn.h` and `CUDNN.H` for one file.
    """

    def __init__(self) -> None:
        self._files: dict[str, PurePosixPath] = {}
        self._directories: dict[str, PurePosixPath] = {}

    def take(self, path: PurePosixPath) -> None:
        """Note that a file goes there. Raises ArchiveError when it collides with what was noted before."""
        for directory in [parent for parent in path.parents if parent.parts]:
            before = self._files.get(key(directory)) or self._directories.setdefault(key(directory), directory)
            if before != directory or key(directory) in self._files:
                raise _collision(path, before)
        found = self._files.get(key(path)) or self._directories.get(key(path))
        if found is not None:
            raise _collision(path, found)
        self._files[key(path)] = path


def key(path: PurePosixPath) -> str:
    """Return what two paths have in common that a file system may take for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", str(path)).casefold())


def _collision(path: PurePosixPath, before: PurePosixPath) -> ArchiveError:
    return ArchiveError(
        f"it holds `{printable(str(path))}` and `{printable(str(before))}`, which cannot stand side by side",
        cause="they differ in nothing, in upper and lower case only, or one is a directory",
    )
