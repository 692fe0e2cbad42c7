"""Time `gpuenv doctor`: on an environment, and on a log.

    python -m benchmarks.doctor PREFIX [--runs 10]

PREFIX is any environment; the target, under 1.5 s, is for one of 4 GB with TensorFlow and CUDA. The first run is not
counted: it may have to read the disk.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LINE = "2026-11-23 01:02:51.{:06d}: I tensorflow/core/common_runtime/bfc_allocator.cc:{}] Chunk at {:#x} of size {}\n"


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prefix", type=Path, help="an environment")
    parser.add_argument("--runs", type=int, default=10, help="counted runs (default: 10)")
    args = parser.parse_args()
    size = sum(path.stat().st_size for path in args.prefix.rglob("*") if path.is_file() and not path.is_symlink())
    print(f"{platform.platform()}, {os.cpu_count()} CPUs; seconds of a whole `gpuenv doctor`")
    print(f"{'what':44} {'median':>8} {'max':>8}")
    with tempfile.TemporaryDirectory(prefix="gpuenv-bench-") as directory:
        log = Path(directory) / "train.log"
        log.write_text("".join(LINE.format(at, at % 999, at * 256, at) for at in range(60_000)))
        measured = {
            f"environment of {size / 2**30:.1f} GiB": ["-p", str(args.prefix)],
            f"log of {log.stat().st_size / 2**20:.1f} MiB": ["--log", str(log)],
            "this machine": [],
        }
        for what, arguments in measured.items():
            times = _times([sys.executable, "-m", "gpuenv", "doctor", "--json", *arguments], args.runs)
            print(f"{what:44} {statistics.median(times):8.2f} {max(times):8.2f}")


def _times(command: list[str], runs: int) -> list[float]:
    times = []
    for run in range(runs + 1):
        started = time.perf_counter()
        subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        )
        if run:
            times.append(time.perf_counter() - started)
    return times


if __name__ == "__main__":
    main()
