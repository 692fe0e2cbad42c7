"""What gpuenv's plugin adds to another command of conda: `python -m benchmarks.conda_startup --pairs 20`.

Runs `conda list` of an empty prefix in pairs, once with gpuenv's entry point and once with it hidden, in turn. Needs a
conda that has gpuenv in its base environment, named by GPUENV_TEST_CONDA or found on PATH.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

# Both runs go through the same wrapper; only the name that it hides differs.
_WRAPPER = """
import importlib.metadata as metadata, sys
hidden, prefix = sys.argv[1:]
everything = metadata.distributions
metadata.distributions = lambda **given: (it for it in everything(**given) if it.metadata["Name"] != hidden)
from conda.cli import main
sys.exit(main("list", "-p", prefix, "--json"))
"""


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=20)
    pairs = parser.parse_args().pairs
    conda = os.environ.get("GPUENV_TEST_CONDA") or shutil.which("conda")
    if conda is None:
        sys.exit("set GPUENV_TEST_CONDA to a conda with gpuenv in its base environment")
    python = Path(conda).with_name("python")
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "conda-meta").mkdir()
        (Path(directory) / "conda-meta" / "history").touch()
        for hidden in ("gpuenv", "nothing"):
            timed(python, hidden, directory)
        both = [(timed(python, "gpuenv", directory), timed(python, "nothing", directory)) for _ in range(pairs)]
    without, with_plugin = zip(*both, strict=True)
    print(f"{'':28}{'elapsed':>12}{'processor':>12}")
    for name, times in (("conda list without gpuenv", without), ("conda list with gpuenv", with_plugin)):
        print(f"{name:28}{_milliseconds(it[0] for it in times)}{_milliseconds(it[1] for it in times)}")
    added = [[there[kind] - gone[kind] for gone, there in both] for kind in (0, 1)]
    print(f"{f'added, median of {pairs} pairs':28}{_milliseconds(added[0])}{_milliseconds(added[1])}")


def timed(python: Path, hidden: str, prefix: str) -> tuple[float, float]:
    """Return the seconds of one whole run: elapsed, and of the processor, which another process disturbs less."""
    begun, used = time.perf_counter(), processor_s()
    subprocess.run([python, "-c", _WRAPPER, hidden, prefix], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun, processor_s() - used


def processor_s() -> float:
    """Return the processor seconds of all children so far."""
    times = os.times()
    return times.children_user + times.children_system


def _milliseconds(seconds: Iterable[float]) -> str:
    return f"{statistics.median(seconds) * 1000:9.1f} ms"


if __name__ == "__main__":
    main()
