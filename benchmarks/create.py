"""Time `gpuenv create --verify files` from a warm cache against bare uv with the same lock.

    python -m benchmarks.create [--pairs 5] [--cold]

Both make the same TensorFlow 2.4.0 environment from the same lock and the same uv cache, at the same place (how long
files take to link depends on it), in turn (A B A B ...), so that a change in the machine's speed meets both. The
environments are deleted after each run; deleting is not timed. The first pair fills the caches and is not counted. Also
timed: `gpuenv --help` and `gpuenv info`. Needs the package index for the first pair (about 2 GiB) and Python 3.8.

With `--cold` every run starts with an empty cache, so that each fetches everything, and there is a third contestant:
pip in a new virtual environment. That measures the index and the network as much as the programs: several pairs, and
the ratio of a pair, say more than a time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.timing import GPUENV, print_table, run, timed

Plan = dict[str, Any]


def main() -> None:
    """Run the pairs and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5, help="counted pairs (default: 5)")
    parser.add_argument("--cold", action="store_true", help="empty the caches before each run, and time pip too")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gpuenv-bench-", dir=os.environ.get("TMPDIR")) as directory:
        home = Path(directory)
        os.environ["GPUENV_DATA_DIR"] = str(home / "data")
        plan = json.loads(run([*GPUENV, "create", "-n", "bench", "--gpu", "8.6", "--dry-run", "--json"]))["data"]
        times = _cold(home, plan, args.pairs) if args.cold else _warm(plan, args.pairs)
    print_table(f"{len(plan['packages'])} packages", times)


def _warm(plan: Plan, pairs: int) -> dict[str, list[float]]:
    """Time pairs after one that fills the cache, and what every command costs."""
    times: dict[str, list[float]] = {"bare uv": [], "gpuenv create": []}
    for pair in range(pairs + 1):
        for name, elapsed in (("bare uv", _bare(plan, offline=pair > 0)), ("gpuenv create", _gpuenv())):
            if pair:
                times[name].append(elapsed)
    times["gpuenv create - bare uv"] = [b - a for a, b in zip(*times.values(), strict=True)]
    for words in (["--help"], ["info"]):
        times[" ".join(("gpuenv", *words))] = [timed([*GPUENV, *words]) for _ in range(pairs + 1)][1:]
    return times


def _cold(home: Path, plan: Plan, pairs: int) -> dict[str, list[float]]:
    """Time pairs, each run with an empty cache and nothing left to write to the disk, the order changing; then pip."""
    times: dict[str, list[float]] = {"bare uv": [], "gpuenv create": [], "pip": []}
    contestants: list[tuple[str, Callable[[], float]]] = [
        ("bare uv", lambda: _bare(plan, offline=False)),
        ("gpuenv create", _gpuenv),
    ]
    runs = [one for pair in range(pairs) for one in (contestants if pair % 2 else contestants[::-1])]
    os.environ |= {"UV_CACHE_DIR": str(home / "cache"), "PIP_CACHE_DIR": str(home / "cache")}
    for name, make in (*runs, ("pip", lambda: _pip(home, plan))):
        os.sync()
        times[name].append(make())
        shutil.rmtree(home / "cache", ignore_errors=True)
    pairs_of = zip(times["bare uv"], times["gpuenv create"], strict=True)
    times["gpuenv create / bare uv"] = [b / a for a, b in pairs_of]
    return times


def _bare(plan: Plan, *, offline: bool) -> float:
    """Make the environment with uv alone; return the seconds."""
    from gpuenv.engines.uv import uv_binary

    uv, prefix = str(uv_binary()), Path(plan["prefix"])
    prefix.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "VIRTUAL_ENV": ""}
    options = [*(["--offline"] if offline else []), "--no-deps", "--require-hashes", "-r", str(plan["lock"])]
    started = time.monotonic()
    run([uv, "venv", "--quiet", "--python", str(plan["python"]["path"]), str(prefix)], environment)
    run([uv, "pip", "install", "--quiet", "--python", str(prefix), *options], environment)
    elapsed = time.monotonic() - started
    shutil.rmtree(prefix)
    return elapsed


def _pip(home: Path, plan: Plan) -> float:
    """Make the environment with venv and its pip; return the seconds."""
    prefix = home / "pip"
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "-r", str(plan["lock"])]
    started = time.monotonic()
    run([str(plan["python"]["path"]), "-m", "venv", str(prefix)])
    run([str(prefix / "bin" / "python"), "-m", "pip", "install", *options])
    elapsed = time.monotonic() - started
    shutil.rmtree(prefix)
    return elapsed


def _gpuenv() -> float:
    """Make the environment with gpuenv, with the check `files`; return the seconds."""
    command = [*GPUENV, "create", "-n", "bench", "--gpu", "8.6", "--verify", "files", "--yes", "--quiet"]
    elapsed = timed(command)
    run([*GPUENV, "remove", "-n", "bench", "--yes"])
    return elapsed


if __name__ == "__main__":
    main()
