"""Time `gpuenv create --verify files` from a warm cache against bare uv with the same lock.

    python -m benchmarks.create [--pairs 5]

Both make the same TensorFlow 2.4.0 environment from the same lock and the same uv cache, in turn (A B A B ...), so
that a change in the machine's speed meets both. The environments are deleted after each run; deleting is not timed.
The first pair fills the caches and is not counted. Also timed: `gpuenv --help` and `gpuenv info`. Needs the package
index for the first pair (about 2 GiB) and Python 3.8.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

GPUENV = [sys.executable, "-m", "gpuenv"]


def main() -> None:
    """Run the pairs and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5, help="counted pairs (default: 5)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gpuenv-bench-", dir=os.environ.get("TMPDIR")) as directory:
        home = Path(directory)
        os.environ["GPUENV_DATA_DIR"] = str(home / "data")
        plan = json.loads(_run([*GPUENV, "create", "-n", "bench", "--gpu", "8.6", "--dry-run", "--json"]))["data"]
        bare, with_gpuenv = _contestants(home, plan)
        times = {"bare uv": [], "gpuenv create": []}  # type: dict[str, list[float]]
        for pair in range(args.pairs + 1):
            for name, contestant in (("bare uv", bare), ("gpuenv create", with_gpuenv)):
                elapsed = contestant()
                if pair:
                    times[name].append(elapsed)
        differences = [b - a for a, b in zip(times["bare uv"], times["gpuenv create"], strict=True)]
        times["gpuenv create - bare uv"] = differences
        times["gpuenv --help"] = [_timed([*GPUENV, "--help"]) for _ in range(args.pairs + 1)][1:]
        times["gpuenv info"] = [_timed([*GPUENV, "info"]) for _ in range(args.pairs + 1)][1:]
    _table(times, len(plan["packages"]))


def _contestants(home: Path, plan: dict[str, object]) -> tuple[Callable[[], float], Callable[[], float]]:
    """Make the two functions that build once and return the seconds it took."""
    from gpuenv.engines.uv import uv_binary

    uv, prefix, lock = str(uv_binary()), home / "bare", str(plan["lock"])
    python = plan["python"]["path"]  # type: ignore[index]

    def bare() -> float:
        environment = {**os.environ, "VIRTUAL_ENV": ""}
        started = time.monotonic()
        _run([uv, "venv", "--quiet", "--python", python, str(prefix)], environment)
        install = [
            uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            str(prefix),
            "--no-deps",
            "--require-hashes",
            "-r",
            lock,
        ]
        if bare.warm:  # type: ignore[attr-defined]
            install.insert(3, "--offline")
        _run(install, environment)
        elapsed = time.monotonic() - started
        bare.warm = True  # type: ignore[attr-defined]
        shutil.rmtree(prefix)
        return elapsed

    bare.warm = False  # type: ignore[attr-defined]

    def with_gpuenv() -> float:
        command = [*GPUENV, "create", "-n", "bench", "--gpu", "8.6", "--verify", "files", "--yes", "--quiet"]
        elapsed = _timed(command)
        _run([*GPUENV, "remove", "-n", "bench", "--yes"])
        return elapsed

    return bare, with_gpuenv


def _run(command: Sequence[str], environment: dict[str, str] | None = None) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


def _timed(command: Sequence[str]) -> float:
    started = time.monotonic()
    _run(command)
    return time.monotonic() - started


def _table(times: dict[str, list[float]], packages: int) -> None:
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, {packages} packages")
    print(f"{'seconds':26} {'min':>7} {'median':>7} {'max':>7}  runs")
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"{name:26} {min(values):7.3f} {middle:7.3f} {max(values):7.3f}  {len(values)}")


if __name__ == "__main__":
    main()
