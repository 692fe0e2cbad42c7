"""Time what a GPU process waits for before its first training step, stage by stage and setting by setting.

    python -m benchmarks.first_step PREFIX [--runs 3] [--limit 120] [--only SETTING ...]

PREFIX is an environment that gpuenv made and whose GPU code is compiled (`gpuenv warm`) or native. Each run is a new
process; the settings take turns, so that a change in the machine's speed meets all of them. Seconds of each stage:

- import: Python starts and imports TensorFlow;
- device: the driver starts, and TensorFlow takes the GPU and its memory;
- product: the first matrix product, for which cuBLAS starts;
- conv: the first convolution, for which cuDNN starts and picks an algorithm;
- step: a small CNN is built and traced, and its first step taken;
- epoch: an epoch of 500 steps after it.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from benchmarks.training import NETWORK, gpu_in_words, stages

STAGES = ("import", "device", "product", "conv", "step", "epoch")

# What each run changes; the first is the environment as gpuenv made it.
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "as gpuenv sets it": {},
    "TF_FORCE_GPU_ALLOW_GROWTH=true": {"TF_FORCE_GPU_ALLOW_GROWTH": "true"},
    "TF_CUDNN_USE_AUTOTUNE=0": {"TF_CUDNN_USE_AUTOTUNE": "0"},
    "TF_GPU_THREAD_MODE=gpu_private": {"TF_GPU_THREAD_MODE": "gpu_private"},
    "PYTHONDONTWRITEBYTECODE, none there": {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": "/nowhere"},
    "CUDA_MODULE_LOADING=EAGER": {"CUDA_MODULE_LOADING": "EAGER"},
    "CUDA_CACHE_DISABLE=1": {"CUDA_CACHE_DISABLE": "1"},
}

# Prints the time at which each stage ended, as JSON.
SCRIPT = f"""
import json, time
ended = {{}}
import tensorflow as tf
ended["import"] = time.time()
assert tf.config.list_logical_devices("GPU"), "no GPU"
float(tf.reduce_sum(tf.ones((2, 2))))
ended["device"] = time.time()
a = tf.random.normal((1000, 1000))
float(tf.matmul(a, a)[0, 0])
ended["product"] = time.time()
float(tf.nn.conv2d(tf.random.normal((10, 32, 32, 3)), tf.random.normal((3, 3, 3, 32)), 1, "SAME")[0, 0, 0, 0])
ended["conv"] = time.time()
{NETWORK}
model = network()
model.fit(images[:10], labels[:10], batch_size=10, epochs=1, verbose=0)
ended["step"] = time.time()
model.fit(images, labels, batch_size=10, epochs=1, verbose=0)
ended["epoch"] = time.time()
print(json.dumps(ended))
"""


def main() -> None:
    """Run every setting in turn and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prefix", type=Path, help="an environment that gpuenv made, its GPU code compiled")
    parser.add_argument("--runs", type=int, default=3, help="runs of each setting (default: 3)")
    parser.add_argument("--limit", type=float, default=120, help="seconds after which a run is ended (default: 120)")
    parser.add_argument("--only", nargs="+", default=list(SETTINGS), metavar="SETTING", help="these settings alone")
    args = parser.parse_args()
    print(f"{time.strftime('%Y-%m-%d')}, {platform.platform()}, {os.cpu_count()} CPUs, {gpu_in_words()}")
    print(f"{'seconds of a stage, medians':37}{''.join(f'{stage:>9}' for stage in (*STAGES, 'all'))}  runs", flush=True)
    times: dict[str, list[list[float]]] = defaultdict(list)
    given_up: dict[str, str] = {}
    for _ in range(args.runs):
        for name in args.only:
            if name not in given_up:
                measured = _run(args.prefix, SETTINGS[name], args.limit)
                if isinstance(measured, str):
                    given_up[name] = measured
                else:
                    times[name].append(measured)
    for name in args.only:
        if name in given_up:
            print(f"{name:37} {given_up[name]}")
            continue
        medians = [statistics.median(column) for column in zip(*times[name], strict=True)]
        print(f"{name:37}{''.join(f'{seconds:9.2f}' for seconds in medians)}  {len(times[name])}")


def _run(prefix: Path, variables: Mapping[str, str], limit: float) -> list[float] | str:
    """Return the seconds of each stage and of all; or in words why there are none."""
    reached = stages(prefix, SCRIPT, variables, limit)
    if isinstance(reached, str):
        return reached
    moments = [0.0, *(reached[stage] for stage in STAGES)]
    return [after - before for before, after in itertools.pairwise(moments)] + [moments[-1]]


if __name__ == "__main__":
    main()
