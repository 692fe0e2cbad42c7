"""Bring an environment into broken states on a GPU, train in each, and print what TensorFlow says, as a file of logs.

    sudo python tools/measure_logs.py PREFIX --name h100-2.15 > measured.txt

PREFIX is an environment that gpuenv made on this machine, Linux with an NVIDIA GPU. It is not changed: states are made
in copies of hard links beside it, which are removed again. Root is needed for device files and mounts, in mount
namespaces that end with each run; without root those states are left out, and stderr says so.

The causes of a state are decided in broken_states.py, before anything is run. Where the program did its work on the GPU
all the same, nothing is wrong, and the cause is `none`. The format is that of tests/data/logs. Directories and the
host's name are replaced, and long logs are cut in the middle.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from broken_states import PROGRAMS, State, states

from gpuenv.doctor.read import distributions

_SETTINGS = re.compile(r"(PYTHON|CUDA|TF_|XLA|LD_|VIRTUAL_ENV|CONDA)")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FIRST_LINES, _LAST_LINES, _LINE_CHARACTERS = 40, 20, 800
# `2026-11-28 01:02:03.000001: ` and `I0000 00:00:1795830035.863063    3287 `
_TIME = re.compile(r"^(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: |[IWEF]0000 00:00:[\d.]+ +\d+ )")
_SHORT = 60
_NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups "
_ON_GPU = re.compile(r"\[PhysicalDevice\(name='/physical_device:GPU:0'")


def main() -> None:
    """Run the states and print their logs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prefix", type=Path)
    parser.add_argument("--name", default="gpu", help="what the names of the logs begin with")
    parser.add_argument("--only", nargs="+", default=[], metavar="STATE")
    parser.add_argument("--jobs", type=int, default=6, help="runs at a time")
    parser.add_argument("--limit", type=float, default=60, help="seconds for one run")
    parser.add_argument("--end", type=float, default=float("inf"), help="seconds after which no run is begun")
    options = parser.parse_args()
    ends = time.monotonic() + options.end
    wanted = [it for it in states() if not options.only or it.name in options.only]
    with tempfile.TemporaryDirectory(dir=options.prefix.parent, prefix="states-") as directory:
        work = Path(directory)
        work.chmod(0o755)
        for name, text in PROGRAMS.items():
            (work / name).write_text(text.lstrip())
        for it in _runs(wanted, Bench(options.prefix, work, options.limit, ends, options.name), options.jobs):
            print(it, flush=True)


def _runs(wanted: Sequence[State], bench: Bench, jobs: int) -> Iterator[str]:
    """Run most states at the same time, then those alone that need the whole memory."""
    with ThreadPoolExecutor(jobs) as crew:
        yield from filter(None, crew.map(bench.entry, (it for it in wanted if not it.alone)))
    yield from filter(None, (bench.entry(it) for it in wanted if it.alone))


class Bench:
    """Where states are made: the environment, a directory beside it, and how long a run may take."""

    def __init__(self, prefix: Path, work: Path, limit_s: float, ends: float, name: str) -> None:
        self.prefix, self.work, self.limit_s, self.ends, self.name = prefix, work, limit_s, ends, name
        self.site_packages = next((prefix / "lib").glob("python3*/site-packages"))
        self.version = next(it.version for it in distributions(self.site_packages) if it.name == "tensorflow")

    def entry(self, state: State) -> str | None:
        """Run a state; return its log with its head, or None where it cannot be made here."""
        why_not = self._why_not(state)
        if why_not:
            print(f"{state.name}: left out, {why_not}", file=sys.stderr)
            return None
        with self._copy(state) as prefix, self._holder(state):
            code, text = self._run(state, prefix)
        fine = code == 0 and _ON_GPU.search(text) is not None
        print(f"{state.name}: exit code {code}{', on the GPU' if fine else ''}", file=sys.stderr)
        causes = _causes_of_fine(text) if fine else state.causes
        head = f"=== {self.name}-{state.name} | {causes} | measured: TensorFlow {self.version}"
        return f"{head}, {state.what}\n{self._told(text, prefix)}\n"

    def _why_not(self, state: State) -> str:
        if (state.mounts or state.nobody) and os.geteuid() != 0:
            return "it needs root"
        if time.monotonic() > self.ends:
            return "the time is over"
        patterns = (*state.remove, *filter(None, (state.not_executable,)))
        gone = [it for it in patterns if not any(self.site_packages.glob(it))]
        return f"there is no {gone[0]}" if gone else ""

    @contextmanager
    def _copy(self, state: State) -> Iterator[Path]:
        """Give the environment itself, or a copy of hard links without what the state takes away."""
        if not (state.remove or state.not_executable):
            yield self.prefix
            return
        copy = self.work / f"{state.name}-env"
        subprocess.run(["cp", "-al", self.prefix, copy], check=True)
        site_packages = copy / self.site_packages.relative_to(self.prefix)
        for path in [it for pattern in state.remove for it in site_packages.glob(pattern) if not it.is_dir()]:
            path.unlink()
        if state.not_executable:
            path = site_packages / state.not_executable
            shutil.copyfile(path, path.with_suffix(".new"))  # of its own, as a mode belongs to all hard links
            path.with_suffix(".new").replace(path)
        yield copy
        shutil.rmtree(copy)

    @contextmanager
    def _holder(self, state: State) -> Iterator[None]:
        """Let another process take the GPU's memory meanwhile, where the state asks for it."""
        if not state.holder:
            yield
            return
        command = [self.prefix / "bin" / "python", "hold.py"]
        with subprocess.Popen(
            command, cwd=self.work, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self._environment(state)
        ) as holder:
            assert holder.stdout is not None
            holder.stdout.readline()
            yield
            holder.kill()

    def _run(self, state: State, prefix: Path) -> tuple[int | str, str]:
        directory = self.work / f"{state.name}-run"
        directory.mkdir()
        for name in PROGRAMS:
            (directory / name).symlink_to(self.work / name)
        program = f"exec {_NOBODY if state.nobody else ''}{prefix}/bin/python {state.program}"
        command = ["bash", "-c", f"ulimit -c 0; {state.before}{program}"]
        if state.mounts:
            command = ["unshare", "--mount", "--propagation", "private", *command]
        environment = self._environment(state, prefix)
        with subprocess.Popen(
            command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True,
        ) as child:  # fmt: skip
            try:
                text = child.communicate(timeout=self.limit_s)[0]
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, 9)
                text = child.communicate()[0]
                return f"none, ended after {self.limit_s:.0f} s", text.decode("utf-8", "replace")
        return child.returncode, text.decode("utf-8", "replace")

    def _environment(self, state: State, prefix: Path | None = None) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not _SETTINGS.match(name)}
        kept |= {"PATH": f"{(prefix or self.prefix) / 'bin'}:{_SYSTEM_PATH}", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
        if state.nobody:
            kept |= {"HOME": "/tmp", "CUDA_CACHE_DISABLE": "1"}
        return {**kept, **state.environ}

    def _told(self, text: str, prefix: Path) -> str:
        """Replace what tells of this machine, and cut the middle of a long log."""
        for place, name in ((prefix, "/home/user/envs/tf"), (self.prefix, "/home/user/envs/tf"), (self.work, "")):
            text = text.replace(str(place.resolve()), name).replace(str(place), name)
        text = re.sub(r"(?<=[ \"'])/[\w-]+-run/", "/home/user/model/", text)
        text = text.replace(f": {platform.node()}\n", ": workstation\n")
        lines = list(_without_repeats(line.rstrip()[:_LINE_CHARACTERS] for line in text.splitlines()))
        if len(lines) > _FIRST_LINES + _LAST_LINES:
            lines = lines[:_FIRST_LINES] + lines[-_LAST_LINES:]
        return "\n".join(lines)


def _causes_of_fine(text: str) -> str:
    """Return what is right for a log of a run that worked.

    PTX that the framework announces is compiled ahead or in seconds then, but only steps of a training show so: a log
    without them looks as one of a program that still waits.
    """
    return "none" if "jit-compiled from PTX" not in text or "Epoch 2/2" in text else "none,code.compiling"


def _without_repeats(lines: Iterable[str]) -> Iterator[str]:
    """Leave out lines that differ from one of the three before by their time only, as those about NUMA nodes."""
    last: list[str] = []
    for line in lines:
        said = _TIME.sub("", line)
        if said not in last or len(said) < _SHORT:
            yield line
        last = [*last[-2:], said]


if __name__ == "__main__":
    main()
