"""Fill in the size on disk where a lock lacks it, without downloading: `python tools/lock_sizes.py`.

A wheel is a ZIP file, whose table of contents stands at its end and has the size of every file in it. An HTTP range
request brings that table alone: a few KB instead of 2 GiB. `gpuenv lock --measure` finds out the same by installing.
"""

from __future__ import annotations

import io
import sys
import urllib.request
import zipfile
from functools import cache
from pathlib import Path

from gpuenv.engines.uv import run_uv, uv_platform
from gpuenv.recipes.search import load_recipe_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RECIPES = Path(__file__).parents[1] / "recipes"
UNKNOWN = "# installed_bytes: unknown\n"
TAIL_BYTES = 4 * 1024**2


class Remote(io.RawIOBase):
    """The end of a file on a server, as a file that can be read and sought; anything before it raises OSError."""

    def __init__(self, url: str, size_bytes: int) -> None:
        self.size, self.at = size_bytes, 0
        self.begin = max(0, size_bytes - TAIL_BYTES)
        request = urllib.request.Request(url, headers={"Range": f"bytes={self.begin}-{size_bytes - 1}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            if answer.status != 206 and self.begin:
                raise OSError(f"the server does not serve parts: {url}")
            self.data = answer.read()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (0, self.at, self.size)[whence]
        return self.at

    def tell(self) -> int:
        return self.at

    def read(self, count: int | None = -1) -> bytes:
        if self.at < self.begin:
            raise OSError("before what was fetched")
        start = self.at - self.begin
        part = self.data[start:] if count is None or count < 0 else self.data[start : start + count]
        self.at += len(part)
        return part


@cache
def unpacked(url: str, size_bytes: int) -> int:
    """Return what the files in a wheel take, in bytes."""
    with zipfile.ZipFile(Remote(url, size_bytes)) as archive:  # type: ignore[arg-type]
        return sum(member.file_size for member in archive.infolist())


def installed(lock: Path) -> int:
    """Add up what the packages of a lock take, in bytes; those without a wheel do not count."""
    recipe = load_recipe_file(RECIPES / f"{lock.parent.stem}.yaml", []).recipe
    platform, python = lock.stem.removeprefix("pypi-").rpartition("-py")[::2]
    target = ["--python", sys.executable, "--python-version", python, "--no-deps"]
    target += ["--python-platform", uv_platform(platform, recipe.glibc_min)]
    pins = "\n".join(line.rstrip("\\ ") for line in lock.read_text("utf-8").splitlines() if "==" in line)
    ended = run_uv(["pip", "compile", "-", *target, "--format", "pylock.toml"], lambda event: None, stdin=pins)
    if not ended.ok:
        raise SystemExit(f"{lock}: {ended.stderr}")
    packages = tomllib.loads(ended.stdout)["packages"]
    wheels = [max(package["wheels"], key=lambda it: it["size"]) for package in packages if package.get("wheels")]
    return sum(unpacked(wheel["url"], wheel["size"]) for wheel in wheels)


def main() -> int:
    """Fill in every lock that lacks the size."""
    for lock in sorted(RECIPES.glob("*.locks/pypi-*.txt")):
        text = lock.read_text("utf-8")
        if UNKNOWN in text:
            size_bytes = installed(lock)
            lock.write_text(text.replace(UNKNOWN, f"# installed_bytes: {size_bytes}\n"), "utf-8")
            print(f"{lock.relative_to(RECIPES)}: {size_bytes / 1024**3:.2f} GiB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
