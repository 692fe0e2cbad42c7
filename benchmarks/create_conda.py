"""Time `gpuenv create --verify files` with conda packages against the bare installer of the same packages.

    python -m benchmarks.create_conda [--engine rattler|conda] [--pairs 5] [--cold 3] [--prefix PATH]

Both make TensorFlow 2.4.0 on conda's Python, cudatoolkit and cudnn at the same place, in turn, and the order changes
from pair to pair. With `--engine rattler` the peer is py-rattler in a process of its own (`benchmarks.bare_rattler`:
solve and install), with `--engine conda` it is `conda create`, of the conda that GPUENV_TEST_CONDA names or that is on
PATH; then bare uv (`uv pip install --no-deps --require-hashes`) with the same lock. gpuenv is `conda gpuenv create`
where that conda has the plugin, else `gpuenv create --engine conda`.

The channel is made here and served on loopback, of the real size: see `benchmarks.real_channel`. Its CUDA libraries
are taken from `--prefix`, a TensorFlow 2.4 environment that gpuenv made, or come from the package index. Warm pairs
find everything in the caches; cold ones begin with empty ones, and nothing left to write to the disk. Deleting is not
timed. Needs Python 3.8, gcc, about 15 GB of disk, and the package index.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.real_channel import find_base_python, make_real_channel, nvidia_requirements, served_channel
from benchmarks.timing import GPUENV, print_table, run, timed

SPECS = ("python=3.8", "cudatoolkit=11.0", "cudnn=8.0")
STACK = ("--recipe", "tf-2.4", "--gpu", "8.6", "--driver", "460.89")
CACHES = ("RATTLER_CACHE_DIR", "UV_CACHE_DIR", "CONDA_PKGS_DIRS")


def main() -> int:
    """Make the channel, run the pairs and print two tables; 1 when there is nothing to compare with."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=("rattler", "conda"), default="rattler", help="default: rattler")
    parser.add_argument("--pairs", type=int, default=5, help="counted pairs with warm caches (default: 5)")
    parser.add_argument("--cold", type=int, default=3, help="pairs with empty caches (default: 3)")
    parser.add_argument("--prefix", metavar="PATH", help="a TensorFlow 2.4 environment that gpuenv made")
    args = parser.parse_args()
    conda = os.environ.get("GPUENV_TEST_CONDA") or shutil.which("conda")
    if args.engine == "conda" and conda is None:
        print("not measured: no conda is named by GPUENV_TEST_CONDA or on PATH")
        return 1
    with tempfile.TemporaryDirectory(prefix="gpuenv-bench-", dir=os.environ.get("TMPDIR")) as directory:
        home = Path(directory)
        os.environ |= {"GPUENV_DATA_DIR": str(home / "data"), "GPUENV_CONFIG_DIR": str(home / "config")}
        os.environ |= {"RATTLER_CACHE_DIR": str(home / "rattler"), "CONDA_PKGS_DIRS": str(home / "pkgs")}
        make_real_channel(home / "channel", _nvidia(home, args.prefix), find_base_python("3.8"))
        shutil.rmtree(home / "wheels", ignore_errors=True)
        program = conda if args.engine == "conda" else None
        plugin = program is not None and _has_plugin(program)
        with served_channel(home / "channel") as served:
            _measure(Contest(home, served.address, program, plugin), args.pairs, args.cold)
    return 0


def _nvidia(home: Path, prefix: str | None) -> Path:
    """Return the directory of NVIDIA's libraries: of an environment, or installed from the index."""
    if prefix is not None:
        return next(Path(prefix).glob("lib/python3.*/site-packages/nvidia"))
    planned = run([*GPUENV, "create", "-n", "bench", *STACK, "--cuda-from", "pypi", "--dry-run", "--json"])
    plan = json.loads(planned)["data"]
    requirements = home / "nvidia.txt"
    requirements.write_text(nvidia_requirements(Path(plan["lock"]).read_text("utf-8")), "utf-8")
    options = ["--target", str(home / "wheels"), "--python", str(plan["python"]["path"]), "--no-deps"]
    run([_uv(), "pip", "install", "--quiet", *options, "--require-hashes", "-r", str(requirements)])
    return home / "wheels" / "nvidia"


def _uv() -> str:
    from gpuenv.engines.uv import uv_binary

    return str(uv_binary())


@dataclass(frozen=True)
class Contest:
    """Two ways to the same environment on the packages of a channel; with `conda` by that conda, else by rattler.

    `plugin` says whether that conda has gpuenv's.
    """

    home: Path
    channel: str
    conda: str | None
    plugin: bool

    @property
    def prefix(self) -> Path:
        """Return where both make it: how long files take to link depends on the directory they are put into."""
        return self.home / "envs" / "bench"

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables with which both run."""
        found = {**os.environ, "VIRTUAL_ENV": "", "CONDA_OVERRIDE_CUDA": "11.0"}
        found |= {"CONDA_ADD_PIP_AS_PYTHON_DEPENDENCY": "false"}
        return found | ({"CONDA_EXE": self.conda} if self.conda else {})

    def plan(self) -> dict[str, Any]:
        """Ask gpuenv what it would install."""
        return dict(json.loads(run(self._gpuenv("--dry-run", "--json"), self.environment))["data"])

    def bare(self, lock: str, *, offline: bool) -> float:
        """Make the environment without gpuenv; return the seconds."""
        prefix = str(self.prefix)
        if self.conda:
            options = ["--yes", "--quiet", "--override-channels", "--channel", self.channel]
            conda = [self.conda, "create", "--prefix", prefix, *options, *SPECS]
        else:
            conda = [sys.executable, "-m", "benchmarks.bare_rattler", prefix, self.channel, *SPECS]
        options = ["--no-deps", "--require-hashes", "-r", lock, *(["--offline"] if offline else [])]
        with self._place():
            elapsed = timed(conda, self.environment)
            return elapsed + timed([_uv(), "pip", "install", "--quiet", "--python", prefix, *options], self.environment)

    def gpuenv(self) -> float:
        """Make the environment with gpuenv, with the check `files`; return the seconds."""
        with self._place():
            return timed(self._gpuenv("--quiet"), self.environment)

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Have a directory for the environment, and delete what is made in it."""
        self.prefix.parent.mkdir(exist_ok=True)
        yield
        shutil.rmtree(self.prefix)

    def _gpuenv(self, *words: str) -> list[str]:
        engine = "conda" if self.conda else "rattler"
        command = [self.conda, "gpuenv"] if self.conda and self.plugin else GPUENV
        where = ["--engine", engine, "--channel", self.channel, "--override-channels", "--cuda-from", "conda"]
        return [*command, "create", "-p", str(self.prefix), *STACK, *where, "--verify", "files", "--yes", *words]


def _has_plugin(conda: str) -> bool:
    return subprocess.run([conda, "gpuenv", "--help"], check=False, capture_output=True).returncode == 0


def _measure(contest: Contest, warm_pairs: int, cold_pairs: int) -> None:
    plan = contest.plan()
    peer = "conda create + uv" if contest.conda else "bare rattler + uv"
    ours = "conda gpuenv create" if contest.plugin else "gpuenv create"
    what = f"{len(plan['conda_packages'])} conda packages, {len(plan['packages'])} of Python"
    lock = str(plan["lock"])
    contest.bare(lock, offline=False)  # fill the caches
    contest.gpuenv()
    warm = pairs((peer, ours), lambda: contest.bare(lock, offline=True), contest.gpuenv, warm_pairs)
    print_table(f"{what}, caches warm", warm)
    if not cold_pairs:
        return
    caches = contest.home / "cold"
    os.environ |= {name: str(caches / name) for name in CACHES}

    def cold(make: Callable[[], float]) -> float:
        shutil.rmtree(caches, ignore_errors=True)
        if hasattr(os, "sync"):
            os.sync()
        return make()

    times = pairs(
        (peer, ours), lambda: cold(lambda: contest.bare(lock, offline=False)), lambda: cold(contest.gpuenv), cold_pairs
    )
    print_table(f"{what}, caches empty", times)


def pairs(
    names: tuple[str, str], bare: Callable[[], float], gpuenv: Callable[[], float], count: int
) -> dict[str, Sequence[float]]:
    """Run both in turn, in changing order; return their times, the differences and the ratios of the pairs."""
    times: tuple[list[float], list[float]] = ([], [])
    for pair in range(count):
        contestants = list(zip(times, (bare, gpuenv), strict=True))
        for into, make in contestants if pair % 2 == 0 else contestants[::-1]:
            into.append(make())
    both = list(zip(*times, strict=True))
    differences, ratios = [ours - theirs for theirs, ours in both], [ours / theirs for theirs, ours in both]
    return dict(zip(names, times, strict=True)) | {
        f"{names[1]} - bare, in a pair": differences,
        f"{names[1]} / bare, in a pair": ratios,
    }


if __name__ == "__main__":
    sys.exit(main())
