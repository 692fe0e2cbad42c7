"""Turn whatever ended a command into an error that helps: a mistake of the machine or the user, or a bug of ours."""

from __future__ import annotations

import errno
import os

from gpuenv.cli.signals import interruption
from gpuenv.errors import GpuenvError, Hint

_DENIED = (errno.EACCES, errno.EPERM)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def error_of(problem: BaseException, command: str) -> GpuenvError:
    """Return the error to show; one of ours stays as it is."""
    if isinstance(problem, GpuenvError):
        return problem
    if isinstance(problem, KeyboardInterrupt):
        return interruption(problem, command)
    if isinstance(problem, OSError):
        return _working_directory() or of_os(problem)
    if isinstance(problem, UnicodeEncodeError):
        return _not_encodable(problem)
    return GpuenvError(
        f"this is a bug in gpuenv: {type(problem).__name__}: {problem}",
        hints=[
            Hint("bug.report", "run the same command with `-vv` and report what it says, with `gpuenv info --json`")
        ],
    )


def of_os(problem: OSError) -> GpuenvError:
    """Describe what the operating system refused, for which path, and what helps against that."""
    names = [os.fsdecode(name) for name in (problem.filename, problem.filename2) if isinstance(name, str | bytes)]
    path = names[0] if names else None
    what = " and ".join(f"`{name}`" for name in names)
    code = errno.errorcode.get(problem.errno or 0, type(problem).__name__)
    return GpuenvError(
        f"cannot use {what}" if what else "the operating system refused something",
        cause=f"{problem.strerror or problem} ({code})",
        hints=[_os_hint(problem.errno, path)],
    )


def _os_hint(number: int | None, path: str | None) -> Hint:
    place = f" {path}" if path else ""
    if number in _DENIED:
        return Hint(
            "os.denied", f"run `ls -ld{place}` to see whose it is, or work elsewhere with GPUENV_DATA_DIR or `-p`"
        )
    if number in _FULL:
        return Hint("os.full", f"run `df -h{place}` and free some space, as with `uv cache prune`")
    if number == errno.EROFS:
        return Hint("os.read-only", "choose a place that can be written, with GPUENV_DATA_DIR or `-p PATH`")
    if number == errno.ENAMETOOLONG:
        return Hint("os.long", "choose a shorter name or path")
    if number in (errno.EMFILE, errno.ENFILE):
        return Hint("os.files", "run `ulimit -n 4096`, then the same command again")
    if number in (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY):
        return Hint("os.kind", f"run `ls -ld{place}` to see what is there")
    return Hint("os.where", "run the same command with `-vv` to see what gpuenv was at")


def _working_directory() -> GpuenvError | None:
    """Return the error for a working directory that is gone, None when it is there."""
    try:
        os.getcwd()
    except OSError as err:
        return GpuenvError(
            "the working directory does not exist any more",
            cause=err.strerror,
            hints=[Hint("os.cwd", "run `cd ~`, then the same command again")],
        )
    return None


def _not_encodable(problem: UnicodeEncodeError) -> GpuenvError:
    """Name the text that cannot be written, most often a path with bytes that are not UTF-8."""
    return GpuenvError(
        f"`{ascii(problem.object)[1:-1][:200]}` cannot be written as {problem.encoding}",
        cause="a path or an argument has bytes that are not UTF-8",
        hints=[Hint("os.encoding", "choose names and paths of characters that UTF-8 has")],
    )
