"""Cost against growth: commands with 1, 10 and 100 environments, the cache with 1,000 archives.

    python -m benchmarks.growth [--most 100] [--prefix PATH]

The environments are small ones, made by gpuenv from wheels of a few kilobytes, so that what grows is gpuenv's work and
not the disk's. Also what a choice takes, and with `--prefix` (a whole TensorFlow environment) what `verify files` does.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.timing import GPUENV


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=100, help="environments in the end (default: 100)")
    parser.add_argument("--prefix", metavar="PATH", help="a TensorFlow environment that gpuenv made")
    args = parser.parse_args()
    print(
        f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}; milliseconds, medians of 5"
    )
    _choice()
    if args.prefix:
        _row("verify files, whole environment", _median(["verify", "-p", args.prefix, "files"]))
    with tempfile.TemporaryDirectory(prefix="gpuenv-bench-") as directory:
        os.environ |= {"GPUENV_DATA_DIR": f"{directory}/data", "GPUENV_CONFIG_DIR": f"{directory}/config"}
        _environments(Path(directory), args.most)
        _cache(Path(directory))


def _choice() -> None:
    """Time the choice among all shipped recipes, from nothing in memory, and the pure choice alone."""
    from packaging.version import Version

    from gpuenv.model import Driver, Gpu, Host, Request
    from gpuenv.plugins import plugins
    from gpuenv.recipes import search, select

    host = Host(
        "linux-64",
        (Gpu(0, "NVIDIA GeForce RTX 3080", (8, 6), None, "nvml"),),
        Driver(Version("525.60.13"), None, "nvml"),
    )
    sources = plugins().recipe_sources()
    read = _timed(lambda: search.list_recipes(sources))
    recipes, _ = search.list_recipes(sources)
    chosen = _timed(
        lambda: select.choose(host, Request(), recipes, default="tf-2.4", artifact_sources={"pypi", "conda", "toolkit"})
    )
    _row(f"choose among {len(recipes)} recipes", chosen)
    _row(f"read {len(recipes)} recipes", read)


def _environments(home: Path, most: int) -> None:
    """Make more and more environments; time the next create, and commands over all of them."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from small_stack import make_small_stack, served

    stack = make_small_stack(home / "stack")
    with served(stack.wheels) as address:
        os.environ |= {"UV_DEFAULT_INDEX": address, "UV_CACHE_DIR": f"{home}/uv"}
        made = 0
        for count in [number for number in (1, 10, 100) if number <= most]:
            times = []
            while made < count:
                command = [
                    "create",
                    "-n",
                    f"e{made}",
                    "--recipe",
                    str(stack.recipe),
                    "--gpu",
                    "8.6",
                    "--yes",
                    "--quiet",
                ]
                times.append(_once(command))
                made += 1
            _row(f"create, {count} there", statistics.median(times[-5:]))
            for words in (["verify", "-n", "e0", "files"], ["doctor", "-n", "e0"], ["list"], ["info"]):
                _row(f"{' '.join(words)}, {count} there", _median(words))


def _cache(home: Path) -> None:
    """Put 1, 100 and 1,000 archives into the cache; time looking at them."""
    cache = home / "data" / "cache" / "archives"
    for count in (1, 100, 1000):
        for number in range(count):
            content = str(number).encode()
            path = cache / hashlib.sha256(content).hexdigest() / f"{number}.tgz"
            if not path.exists():
                path.parent.mkdir(parents=True)
                path.write_bytes(content)
        _row(f"cache list, {count} archives", _median(["cache", "list"]))


def _once(words: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([*GPUENV, *words], check=False, capture_output=True)
    return (time.perf_counter() - started) * 1000


def _median(words: list[str]) -> float:
    return statistics.median(_once(words) for _ in range(5))


def _timed(function: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        started = time.perf_counter()
        function()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def _row(name: str, milliseconds: float) -> None:
    print(f"{name:40} {milliseconds:9.1f}", flush=True)


if __name__ == "__main__":
    main()
