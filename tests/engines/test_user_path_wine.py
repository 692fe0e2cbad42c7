"""The user's PATH in a registry that gpuenv's tests have not written: Wine's, through its `reg.exe`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gpuenv.registry import REG_DWORD, REG_EXPAND_SZ, REG_SZ, Hive, Value
from gpuenv.user_path import MACHINE, USER, UserPath
from recorded_windows import ENVIRON

pytestmark = pytest.mark.slow
CUDA = r"C:\Program Files\NVIDIA GPU Computing Toolkit\CUDA\v11.0\bin"
KINDS = {"REG_SZ": REG_SZ, "REG_EXPAND_SZ": REG_EXPAND_SZ, "REG_DWORD": REG_DWORD}


@dataclass
class WineRegistry:
    """Wine's registry, asked by command lines."""

    wine: str
    environ: dict[str, str]

    def reg(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [self.wine, "reg", *arguments]
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, timeout=120, check=False)

    def read(self, hive: Hive, key: str, name: str) -> Value | None:
        """Read what `reg query` prints: `    Path    REG_EXPAND_SZ    %USERPROFILE%\\x;`."""
        found = re.search(
            rf"^    {name}    (REG_\w+)    (.*?)\r?$",
            self.reg("query", rf"{hive}\{key}", "/v", name).stdout,
            re.M | re.I,
        )
        return Value(found[2], KINDS[found[1]]) if found is not None else None

    def write(self, hive: Hive, key: str, name: str, value: Value) -> None:
        kind = next(text for text, number in KINDS.items() if number == value.kind)
        done = self.reg("add", rf"{hive}\{key}", "/v", name, "/t", kind, "/d", str(value.data), "/f")
        if done.returncode:
            raise PermissionError(13, done.stderr or done.stdout)

    def delete(self, hive: Hive, key: str, name: str) -> None:
        self.reg("delete", rf"{hive}\{key}", "/v", name, "/f")

    def announce(self) -> bool:
        return True


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WineRegistry]:
    wine = next((found for name in ("wine64", "/usr/lib/wine/wine64") if (found := shutil.which(name))), None)
    server = next(
        (found for name in ("wineserver", "/usr/lib/wine/wineserver64") if (found := shutil.which(name))), None
    )
    if wine is None or server is None:
        pytest.skip("install Wine to run this: `sudo apt install wine64`")
    prefix = tmp_path_factory.mktemp("wine") / "prefix"
    prefix.mkdir()
    own = {"WINEPREFIX": str(prefix), "WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml="}
    environ = {**os.environ, **own}
    # One server for all: otherwise each call starts and ends its own, 3 s a time.
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}  # it would keep a pipe open
    subprocess.run([server, "-p"], env=environ, timeout=60, check=True, **quiet)
    subprocess.run([wine, "wineboot", "-i"], env=environ, timeout=300, check=False, **quiet)
    made = WineRegistry(wine, environ)
    try:
        assert made.read("HKCU", "Environment", "TEMP") is not None, "Wine has made no registry"
        yield made
    finally:
        subprocess.run([server, "-k"], env=environ, timeout=60, check=False, **quiet)
        shutil.rmtree(prefix, ignore_errors=True)


@pytest.mark.parametrize(
    "before",
    [
        Value(r"%USERPROFILE%\AppData\Local\Microsoft\WindowsApps;", REG_EXPAND_SZ),
        Value(r"C:\Python38\;C:\Python38\Scripts", REG_SZ),
        Value(";".join(rf"C:\tools\number {number:04}" for number in range(300)), REG_EXPAND_SZ),
        None,
    ],
    ids=["expand", "plain", "6,900 characters", "none"],
)
def test_user_path__wine__kind_and_text_survive_and_come_back(
    registry: WineRegistry, tmp_path: Path, before: Value | None
) -> None:
    if before is None:
        registry.delete(*USER, "Path")
    else:
        registry.write(*USER, "Path", before)
    assert registry.read(*USER, "Path") == before
    path = UserPath(registry, tmp_path / "user-path.json", ENVIRON)
    assert path.add(CUDA).made
    kind = before.kind if before is not None else REG_EXPAND_SZ
    text = f"{CUDA};{before.data}" if before is not None else CUDA
    assert registry.read(*USER, "Path") == Value(text, kind)
    assert not path.add(CUDA.lower() + "\\").made
    assert path.remove(CUDA.lower()).made
    assert registry.read(*USER, "Path") == before


def test_machine__wine__has_windows_directories(registry: WineRegistry, tmp_path: Path) -> None:
    entries = UserPath(registry, tmp_path / "user-path.json", {"SystemRoot": r"C:\windows"}).machine()
    assert registry.read(*MACHINE, "Path") is not None
    assert r"C:\windows\system32" in entries
