"""What the benchmarks of `create` share: run and time a command, and print times as a table."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

GPUENV = [sys.executable, "-m", "gpuenv"]


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """Run a command and return what it prints. Raises CalledProcessError, with what it said on standard error shown."""
    ended = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if ended.returncode:
        sys.stderr.write(ended.stderr)
    ended.check_returncode()
    return ended.stdout


def timed(command: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
    """Run a command; return the seconds it took."""
    started = time.monotonic()
    run(command, environment)
    return time.monotonic() - started


def print_table(what: str, times: Mapping[str, Sequence[float]]) -> None:
    """Print the least, the middle and the greatest of each row of seconds, below the machine and its load."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, {what}{load}")
    print(f"{'seconds':36} {'min':>7} {'median':>7} {'max':>7}  runs")
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"{name:36} {min(values):7.3f} {middle:7.3f} {max(values):7.3f}  {len(values)}", flush=True)
