"""What the benchmarks on a GPU share: train in a new process of an environment, and tell when it reached each stage."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

# Python for a script that has `tf`: the data and the small CNN of `gpuenv verify`.
NETWORK = """
import numpy
rng = numpy.random.RandomState(1)
images = rng.rand(5000, 32, 32, 3).astype("float32")
labels = rng.randint(0, 10, 5000)
layers = tf.keras.layers
def network():
  model = tf.keras.Sequential([
      layers.Conv2D(32, (3, 3), activation="relu", input_shape=(32, 32, 3)), layers.MaxPooling2D((2, 2)),
      layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(10)])
  model.compile(optimizer="adam", loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
  return model
"""


def stages(prefix: Path, script: str, variables: Mapping[str, str], limit: float) -> dict[str, float] | str:
    """Run a script that prints the time of each stage as JSON; return seconds since its start, or why there are none.

    Nothing of the user's environment is passed on but `PATH` and `HOME`; after `limit` seconds the process is ended.
    """
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables}
    command = [str(prefix / "bin" / "python"), "-c", script]
    started = time.time()
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return f"not finished after {limit:.0f} s"
    if done.returncode != 0:
        return f"failed with {done.returncode}:\n{done.stderr.strip()[-3000:]}"
    reached: dict[str, float] = json.loads(done.stdout.strip().split("\n")[-1])
    return {stage: at - started for stage, at in reached.items()}


def gpu_in_words() -> str:
    """Return name and driver of each GPU, as nvidia-smi says."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    return subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip().replace("\n", "; ")
