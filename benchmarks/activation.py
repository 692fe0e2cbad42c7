"""Time the activation of a conda prefix with and without gpuenv's files in it, in each shell.

    python -m benchmarks.activation [--pairs 200] [--rounds 20]

A run starts a shell that activates and deactivates a prefix `--rounds` times with the statements that conda prints
(the scripts that are there, in conda's order), so that the start of the shell does not count. Runs with and without the
files alternate (A B A B ...), so that a change in the machine's speed meets both; the difference is taken pair by pair
and divided by the rounds. What conda itself takes to print the statements is left out: it is the same for both. The
prefix has the variables of the recipe `tf-2.4`, and a record of a driver: the notice is part of the time.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path, PurePosixPath

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile"], "sh"),
    "dash": (["dash"], "sh"),
    "zsh": (["zsh", "-f"], "sh"),
    "fish": (["fish", "--no-config"], "fish"),
    "tcsh": (["tcsh", "-f"], "csh"),
}
OWN_FLAGS = "--xla_dump_to=/tmp/dump"


def main() -> None:
    """Run the pairs and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=50, help="counted pairs (default: 50)")
    parser.add_argument("--rounds", type=int, default=20, help="activations in one run (default: 20)")
    args = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} CPUs; milliseconds that one activation and deactivation gain")
    print(f"{'shell':28} {'median':>8} {'p90':>8} {'max':>8}  pairs of {args.rounds} activations")
    with tempfile.TemporaryDirectory(prefix="gpuenv-bench-") as directory:
        prefix = _prefix(Path(directory) / "tf")
        for shell, (command, extension) in SHELLS.items():
            if shutil.which(command[0]) is None:
                print(f"{shell:28} not installed")
                continue
            for name, flags in ((shell, None), (f"{shell}, XLA_FLAGS of one's own", OWN_FLAGS)):
                added = _added(command, extension, prefix, flags, args)
                added.sort()
                p90 = added[int(len(added) * 0.9)]
                print(f"{name:28} {statistics.median(added):8.2f} {p90:8.2f} {added[-1]:8.2f}  {len(added)}")


def _prefix(prefix: Path) -> Path:
    """Write the files of the recipe `tf-2.4` for the source `pypi`, proven with the driver that is there."""
    from gpuenv.activate.conda import scripts
    from gpuenv.recipes.load import load_recipe
    from gpuenv.recipes.search import base_finder

    path = Path(__file__).parents[1] / "recipes" / "tf-2.4.yaml"
    recipe = load_recipe(path, "benchmark", base_finder(())).recipe
    version_path = prefix / "module" / "nvidia" / "version"
    texts = scripts(
        recipe.variables("pypi"), prefix, prefix / "lib" / "nvcc", "linux-64", PurePosixPath(version_path.as_posix())
    )
    texts |= {"etc/gpuenv/driver.txt": "460.91.03\ngpuenv verify -n\n", "module/nvidia/version": "460.91.03\n"}
    for name, text in texts.items():
        (prefix / name).parent.mkdir(parents=True, exist_ok=True)
        (prefix / name).write_text(text)
    return prefix


def _added(
    command: list[str], extension: str, prefix: Path, flags: str | None, args: argparse.Namespace
) -> list[float]:
    """Return what the files add to one activation and deactivation, in milliseconds, for every pair."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(prefix), "TERM": "dumb", "CONDA_SHLVL": "1"}
    environ |= {"CONDA_PREFIX": str(prefix), "CONDA_DEFAULT_ENV": "tf"} | ({"XLA_FLAGS": flags} if flags else {})
    paths = [prefix / "etc" / "conda" / name / f"~~gpuenv.{extension}" for name in ("activate.d", "deactivate.d")]
    word = "." if extension == "sh" else "source"
    without, with_files = prefix / "without", prefix / "with"
    without.write_text(":\n" * 2 * args.rounds)
    with_files.write_text("".join(f"{word} '{path}'\n" for path in paths) * args.rounds)
    differences = []
    for pair in range(args.pairs + 1):
        times = []
        for script in (without, with_files):
            started = time.perf_counter()
            subprocess.run([*command, str(script)], env=environ, check=True, stdout=sys.stderr)
            times.append(time.perf_counter() - started)
        if pair:  # the first one fills the machine's caches
            differences.append((times[1] - times[0]) / args.rounds * 1000)
    return differences


if __name__ == "__main__":
    main()
