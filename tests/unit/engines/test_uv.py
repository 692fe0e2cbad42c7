from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from gpuenv.engines.uv import _build_error, _DownloadCounter, describe_venv, explain, parse_size
from gpuenv.engines.uv_lock import download_size
from gpuenv.errors import FetchError, GpuenvError, TargetError, UnsolvableError
from gpuenv.model import Progress
from gpuenv.process import Completed

HASH_MISMATCH = """\
Using Python 3.12.1 environment at: /tmp/x
Resolved 2 packages in 6ms
error: Failed to install requirements
  \u00d7 Failed to download `tensorflow==2.4.0`
  ╰─▶ Hash mismatch for `tensorflow==2.4.0`

      Expected:
        sha256:0000
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [("682.6MiB", int(682.6 * 1024**2)), ("1.0KiB", 1024), ("12B", 12), ("2.0GiB", 2 * 1024**3), ("much", 0)],
)
def test_parse_size__texts_of_uv__bytes(text: str, expected: int) -> None:
    assert parse_size(text) == expected


def test_download_counter__lines_of_uv__progress_in_bytes() -> None:
    events: list[object] = []
    counter = _DownloadCounter(3 * 1024, events.append)
    for line in ["Resolved 2 packages", "Downloading big (2.0KiB)", "Downloading small (1.0KiB)", " Downloaded small"]:
        counter(line)
    assert events == [
        Progress("build", 0, 3072, "bytes", "big"),
        Progress("build", 0, 3072, "bytes", "small"),
        Progress("build", 1024, 3072, "bytes", "small"),
    ]


@pytest.mark.parametrize(
    ("stderr", "kind", "message"),
    [
        (HASH_MISMATCH, FetchError, "hash that the lock pins"),
        ("error: failed to write: No space left on device (os error 28)", GpuenvError, "is full"),
        ("error: Failed to fetch: `http://x`\n  Caused by: dns error", FetchError, "a download failed"),
        ("  ╰─▶ Because nope was not found in the package registry", UnsolvableError, "does not have a package"),
        ("error: something new", GpuenvError, "uv could not build"),
    ],
    ids=["hash", "disk", "network", "absent", "other"],
)
def test_build_error__what_uv_says__becomes_the_right_error(stderr: str, kind: type, message: str) -> None:
    error = _build_error(Completed(("uv",), 2, "", stderr, 0.1), Path("/envs/tf"))
    assert type(error) is kind
    assert message in error.message
    assert error.cause


def test_explain__progress_lines__are_left_out() -> None:
    assert explain(HASH_MISMATCH).startswith("Failed to install requirements; Failed to download `tensorflow==2.4.0`")


def test_describe_venv__pyvenv_cfg__layout(tmp_path: Path) -> None:
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\nuv = 0.13.9\nversion_info = 3.8.18\n")
    built = describe_venv(tmp_path)
    assert built.python_version == Version("3.8.18")
    assert built.site_packages == tmp_path / "lib" / "python3.8" / "site-packages"
    assert built.platform == "linux-64"


def test_describe_venv__windows_layout__is_recognised(tmp_path: Path) -> None:
    (tmp_path / "Scripts").mkdir()
    (tmp_path / "pyvenv.cfg").write_text("version = 3.8.10\n")
    assert describe_venv(tmp_path).site_packages == tmp_path / "Lib" / "site-packages"


def test_describe_venv__nothing_there__target_error(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="is not a virtual environment"):
        describe_venv(tmp_path)


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        ([{"wheels": [{"size": 5}, {"size": 7}]}, {"sdist": {"size": 2}}], 9),
        ([{"wheels": [{"size": 5}]}, {"wheels": [{}]}], None),
        ([], 0),
    ],
    ids=["largest-wheel-else-sdist", "unknown", "empty"],
)
def test_download_size__pylock__adds_up(packages: list[dict[str, object]], expected: int | None) -> None:
    assert download_size({"packages": packages}) == expected
