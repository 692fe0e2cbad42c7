from __future__ import annotations

import errno
import os

import pytest

from gpuenv.cli.failure import error_of
from gpuenv.errors import Interrupted, UsageError


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "`ls -ld /x/y`"),
        (errno.EPERM, "`ls -ld /x/y`"),
        (errno.ENOSPC, "`df -h /x/y`"),
        (errno.EROFS, "GPUENV_DATA_DIR"),
        (errno.ENAMETOOLONG, "shorter"),
        (errno.EMFILE, "`ulimit -n 4096`"),
        (errno.ENOTDIR, "`ls -ld /x/y`"),
        (errno.EIO, "`-vv`"),
    ],
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) else "",
)
def test_error_of__os_error__path_reason_and_hint(number: int, words: str) -> None:
    error = error_of(OSError(number, os.strerror(number), "/x/y"), "list")
    assert (error.exit_code, error.message) == (1, "cannot use `/x/y`")
    assert error.cause == f"{os.strerror(number)} ({errno.errorcode[number]})"
    assert words in error.hints[0].text


def test_error_of__rename__both_paths() -> None:
    assert error_of(OSError(errno.EXDEV, "no", "/a", None, "/b"), "list").message == "cannot use `/a` and `/b`"


def test_error_of__os_error_without_a_path__still_no_bug() -> None:
    error = error_of(TimeoutError("timed out"), "list")
    assert "bug" not in error.message
    assert error.cause == "timed out (TimeoutError)"


def test_error_of__path_that_is_no_utf8__shown_escaped() -> None:
    with pytest.raises(UnicodeEncodeError) as raised:
        "/caf\udce9".encode()
    error = error_of(raised.value, "list")
    assert error.message == r"`/caf\udce9` cannot be written as utf-8"


def test_error_of__anything_else__is_a_bug_and_says_how_to_report_it() -> None:
    error = error_of(KeyError("x"), "list")
    assert error.message == "this is a bug in gpuenv: KeyError: 'x'"
    assert "-vv" in error.hints[0].text


def test_error_of__ours_and_ctrl_c__keep_their_codes() -> None:
    given = UsageError("x")
    assert error_of(given, "list") is given
    assert isinstance(error_of(KeyboardInterrupt(), "list"), Interrupted)
