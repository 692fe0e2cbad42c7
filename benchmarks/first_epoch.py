"""Time a training from the start of its process to the end of its second epoch, on a GPU, in every state of the cache.

    python -m benchmarks.first_epoch PREFIX [--native PREFIX] [--runs 3] [--limit 300]

PREFIX is an environment that gpuenv made, whose GPU code needs compiling on this GPU; `--native` one whose framework
has machine code for it, to compare with (`benchmarks.native_code` makes one). The network is the small CNN of `gpuenv
verify`: 5,000 images, batch 10. The states, in this order, each in a new process:

- by hand: no compute cache, all modules loaded at start (`CUDA_MODULE_LOADING=EAGER`, what runtimes before CUDA 11.7
  do), the driver's default cache size; ended after `--limit` seconds;
- lazy, no cache, and the same again with what the first run left;
- warmed: after `gpuenv warm` into an empty cache, which is timed;
- imported: after `gpuenv warm --export`, an emptied cache, and `gpuenv warm --import`;
- native: the other environment.

The last column says how long it would take at least if no GPU code had to be loaded at all: until the GPU is started,
plus the same training once more in the same process.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.timing import GPUENV
from benchmarks.training import NETWORK, gpu_in_words, stages

# Prints the seconds since the epoch at which each stage was reached, as JSON.
TRAINING = f"""
import json, time
seen = {{}}
import tensorflow as tf
seen["import"] = time.time()
tf.config.list_logical_devices("GPU")
seen["device"] = time.time()
a = tf.random.normal((1000, 1000))
float(tf.reduce_sum(tf.matmul(a, a)))
seen["product"] = time.time()
assert "GPU" in a.device, a.device
{NETWORK}
network().fit(images, labels, batch_size=10, epochs=2, verbose=0)
seen["epochs"] = time.time()
network().fit(images, labels, batch_size=10, epochs=2, verbose=0)
seen["again"] = time.time()
print(json.dumps(seen))
"""


def main() -> None:
    """Run every state and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prefix", type=Path, help="an environment that gpuenv made")
    parser.add_argument("--native", type=Path, help="an environment with machine code for this GPU")
    parser.add_argument("--runs", type=int, default=3, help="runs of the quick states (default: 3)")
    parser.add_argument("--limit", type=float, default=300, help="seconds for the run by hand, 0 for none of it")
    args = parser.parse_args()
    print(f"{time.strftime('%Y-%m-%d')}, {platform.platform()}, {os.cpu_count()} CPUs, {gpu_in_words()}")
    columns = "".join(f"{name:>9}" for name in ("import", "device", "product", "2 epochs", "slowest", "at least"))
    print(f"{'seconds from process start to':34}{columns}  runs", flush=True)
    cache = args.prefix / "var" / "gpuenv" / "compute-cache"
    with tempfile.TemporaryDirectory(prefix="gpuenv-bench-") as directory:
        home = Path(directory)
        by_hand = {"CUDA_MODULE_LOADING": "EAGER", "CUDA_CACHE_PATH": str(home / "a"), "CUDA_CACHE_MAXSIZE": str(2**30)}
        lazy = {"CUDA_CACHE_PATH": str(home / "b")}
        _measure("lazy, no cache", args.prefix, lazy, 1)
        _measure("lazy, the run after it", args.prefix, lazy, 1)
        shutil.rmtree(cache, ignore_errors=True)
        (cache.parent / "warm.json").unlink(missing_ok=True)
        _command("gpuenv warm", ["warm", "-p", str(args.prefix)])
        _measure("warmed", args.prefix, {}, args.runs)
        shared = str(home / "shared")
        _command("gpuenv warm --export", ["warm", "-p", str(args.prefix), "--export", shared])
        shutil.rmtree(cache)
        (cache.parent / "warm.json").unlink()
        _command("gpuenv warm --import", ["warm", "-p", str(args.prefix), "--import", shared])
        _measure("imported", args.prefix, {}, args.runs)
        if args.native is not None:
            _measure("native", args.native, {}, args.runs)
        if args.limit:
            _measure("by hand", args.prefix, by_hand, 1, args.limit)


def _measure(name: str, prefix: Path, variables: Mapping[str, str], runs: int, limit: float = 600) -> None:
    """Train in new processes and print the median of each stage."""
    times: list[dict[str, float]] = []
    for _ in range(runs):
        reached = stages(prefix, TRAINING, variables, limit)
        if isinstance(reached, str):
            print(f"{name:34} {reached}", flush=True)
            return
        times.append(reached)
    row = [statistics.median(run[stage] for run in times) for stage in ("import", "device", "product", "epochs")]
    row.append(max(run["epochs"] for run in times))
    row.append(statistics.median(run["device"] + run["again"] - run["epochs"] for run in times))
    print(f"{name:34}{''.join(f'{seconds:9.2f}' for seconds in row)}  {runs}", flush=True)


def _command(name: str, arguments: list[str]) -> None:
    """Run a command of gpuenv and print how long it took and what it says."""
    started = time.time()
    done = subprocess.run([*GPUENV, *arguments], capture_output=True, text=True, check=False)
    said = (done.stdout.strip() or done.stderr.strip()).replace("\n", "; ")
    print(f"{name:34} {time.time() - started:8.2f} s, exit code {done.returncode}: {said}", flush=True)


if __name__ == "__main__":
    main()
