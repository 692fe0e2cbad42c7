"""The uv engine: a virtual environment with exactly the packages of a lock, installed by the `uv` binary.

gpuenv resolves, downloads and installs nothing itself. `uv` brings all three, with one cache for every environment and
hard links from it, so a second environment takes neither time nor space.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from packaging.version import Version

from gpuenv import process
from gpuenv.engines.index import index_environment
from gpuenv.engines.uv_errors import build_error, explain
from gpuenv.errors import GpuenvError, Hint, TargetError, UnsolvableError, UsageError
from gpuenv.model import Built, Detail, Plan, Progress, Reporter, Solved, Wanted
from gpuenv.paths import log_dir
from gpuenv.text_files import typed

# The oldest Linux that a lock shall serve: glibc 2.17, as TensorFlow's and NVIDIA's own wheels do.
UV_PLATFORMS = {"linux-64": "x86_64-manylinux2014", "win-64": "x86_64-pc-windows-msvc"}


def uv_platform(platform: str, glibc_min: str | None) -> str:
    """Return uv's name for a platform; a recipe may need a newer glibc than locks otherwise serve."""
    if glibc_min is None or not platform.startswith("linux"):
        return UV_PLATFORMS[platform]
    return f"x86_64-manylinux_{glibc_min.replace('.', '_')}"


class UvEngine:
    """Build virtual environments with uv."""

    name = "uv"
    conda_packages = False

    def resolve(self, wanted: Wanted, report: Reporter) -> Solved:
        """Pin the requirements with `uv pip compile`. Raises UnsolvableError with uv's explanation."""
        from gpuenv.engines.uv_lock import solve

        return solve(wanted, report)

    def fetch(self, plan: Plan, report: Reporter) -> Path:
        """Return the chosen interpreter, or have uv install one. Raises UnsolvableError with what was found instead."""
        if plan.choice.python is not None:
            return Path(plan.choice.python.path)
        wanted = plan.choice.python_version
        report(Detail(f"No Python {wanted} is installed; asking uv for one"))
        installed = run_uv(["python", "install", wanted], report)
        if installed.ok:
            found = run_uv(["python", "find", "--managed-python", wanted], report)
            if found.ok:
                return Path(found.stdout.strip())
        raise _no_python(plan, installed.stderr)

    def build(self, plan: Plan, python: Path, report: Reporter) -> Built:
        """Make the environment and install the lock into it, with every hash checked.

        Raises FetchError for a wrong hash or a failed download, GpuenvError for a full disk.
        """
        prompt = prompt_text(plan.name or plan.prefix.name)
        made = run_uv(["venv", "--python", python, "--prompt", prompt, plan.prefix], report)
        if not made.ok:
            raise build_error(made, plan)
        built = self.describe(plan.prefix)
        install_packages(built, plan, report)
        return built

    def clone(self, plan: Plan, report: Reporter) -> None:
        """Refuse: what is in a virtual environment has its path in it. Raises UsageError."""
        raise UsageError(
            f"`{plan.onto}` cannot be cloned: uv copies no environments",
            cause="only conda environments can be cloned, by conda",
            hints=[Hint("clone.add", f"add the stack to it with `gpuenv add -p {typed(plan.onto or plan.prefix)}`")],
        )

    def add(self, plan: Plan, report: Reporter) -> Built:
        """Install the lock into a virtual environment that is there. Raises as `build` does."""
        built = self.describe(plan.prefix)
        if not built.python.exists():
            raise TargetError(
                f"the Python of `{plan.prefix}` is missing",
                cause=f"`{built.python}` is not there, or leads to nothing",
                hints=[Hint("target.create", "make a new one with `gpuenv create -n NAME`")],
            )
        install_packages(built, plan, report)
        return built

    def is_cached(self, plan: Plan, report: Reporter) -> bool:
        """Say whether uv's cache has everything, so that nothing would be downloaded. Takes about 0.1 s."""
        platform = uv_platform(plan.platform, plan.choice.recipe.glibc_min)
        target = ["--python-version", plan.choice.python_version, "--python-platform", platform]
        interpreter = plan.choice.python.path if plan.choice.python is not None else sys.executable
        dry_run = ["pip", "install", "--offline", "--dry-run", "--no-deps", "--require-hashes", "-r", "-"]
        # uv makes the target's directory even in a dry run: below its working directory, which does not stay.
        arguments = [*dry_run, "--python", interpreter, "--target", "nowhere", *target]
        ended = run_uv(arguments, report, stdin=plan.lock.text)
        return ended.ok and "Would download" not in ended.stderr

    def describe(self, prefix: Path) -> Built:
        """Read a virtual environment's layout from its `pyvenv.cfg`. Raises TargetError when there is none."""
        return describe_venv(prefix)


def install_packages(built: Built, plan: Plan, report: Reporter) -> None:
    """Install the lock's Python packages into an environment of any kind, with every hash checked.

    Raises FetchError for a wrong hash or a failed download, GpuenvError for a full disk.
    """
    # The lock is written beside the environment's own files, so that a failed build leaves it for a look.
    requirements = log_dir(built.prefix) / "requirements.txt"
    requirements.parent.mkdir(parents=True, exist_ok=True)
    requirements.write_text(plan.lock.text, "utf-8")
    arguments: list[str | Path] = [
        "pip",
        "install",
        "--python",
        built.python,
        "--no-deps",
        "--require-hashes",
        "-r",
        requirements,
    ]
    # With everything in uv's cache the index need not be asked; when something is missing, that shows in no time.
    installed = run_uv([*arguments, "--offline"], report)
    if not installed.ok:
        counter = _DownloadCounter(plan.lock.pypi_bytes, report)
        installed = run_uv(arguments, report, counter)
    requirements.unlink()
    if not installed.ok:
        raise build_error(installed, plan)


def describe_venv(prefix: Path) -> Built:
    """Read a virtual environment's layout from its `pyvenv.cfg`. Raises TargetError when there is none, or none in it.

    It looks like this; venv writes `version` instead, and virtualenv 20 `version_info = 3.8.18.final.0` too::

    home = /home/me/.pyenv/versions/3.8.18/bin
    implementation = CPython
    uv = 0.13.9
    version_info = 3.8.18
    """
    try:
        text = (prefix / "pyvenv.cfg").read_text("utf-8")
    except OSError as err:
        raise TargetError(f"`{prefix}` is not a virtual environment", cause=f"{err}") from err
    values = dict(re.findall(r"^(\w[\w-]*) *= *(.*)$", text, re.MULTILINE))
    stated = re.match(r"\d+\.\d+(\.\d+)?((a|b|rc)\d+)?", values.get("version_info") or values.get("version", ""))
    if stated is None:
        raise TargetError(
            f"`{prefix / 'pyvenv.cfg'}` does not say which Python the environment has",
            cause="expected a line as `version = 3.8.18`, found none",
            hints=[Hint("target.create", "make a new one with `gpuenv create -n NAME`")],
        )
    version = Version(stated[0])
    if (prefix / "Scripts").is_dir():
        python, site_packages, platform = prefix / "Scripts" / "python.exe", prefix / "Lib" / "site-packages", "win-64"
    else:
        minor = f"python{version.major}.{version.minor}"
        python, site_packages, platform = (
            prefix / "bin" / "python",
            prefix / "lib" / minor / "site-packages",
            "linux-64",
        )
    return Built(prefix, python, version, site_packages, platform)


def prompt_text(name: str) -> str:
    """Return the name as a prompt: uv 0.13 writes it into activation scripts without quoting, and shells read it."""
    return re.sub(r"""["'$`\\!%^;&|<>\x00-\x1f\x7f]""", "_", name)


def uv_binary() -> Path:
    """Find the uv that was installed with gpuenv, or one on PATH. Raises GpuenvError when there is none."""
    import shutil

    try:
        from uv import find_uv_bin

        return Path(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if found is None:
        raise GpuenvError("uv was not found", hints=[Hint("uv.install", "run `python -m pip install uv`")])
    return Path(found)


def run_uv(
    arguments: Sequence[str | Path], report: Reporter, on_line: _DownloadCounter | None = None, stdin: str | None = None
) -> process.Completed:
    """Run uv with the user's own index; it asks nothing and draws nothing."""
    argv = [uv_binary(), "--no-progress", "--color", "never", *arguments]
    report(Detail("$ " + " ".join(str(part) for part in argv), level=2))
    environment = index_environment(os.environ, Path.home())
    if "python" not in arguments[:1]:  # any other command takes a Python that is there, and never waits for one
        environment["UV_PYTHON_DOWNLOADS"] = "never"
    # A virtual environment or project around the user must not change what is installed where.
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "UV_PROJECT_ENVIRONMENT", "PYTHONHOME", "PYTHONPATH"):
        environment.pop(name, None)

    def line(text: str) -> None:
        report(Detail(text, level=2))
        if on_line is not None:
            on_line(text)

    with tempfile.TemporaryDirectory(prefix="gpuenv-") as directory:  # away from any pyproject.toml or uv.toml
        return process.run(argv, env=environment, stdin=stdin, on_stderr_line=line, cwd=directory)


class _DownloadCounter:
    """Turn uv's lines into progress: `Downloading nvidia-cudnn-cu11 (682.6MiB)`, `Downloaded nvidia-cudnn-cu11`."""

    def __init__(self, total_bytes: int | None, report: Reporter) -> None:
        self._total = total_bytes
        self._report = report
        self._sizes: dict[str, int] = {}
        self._done = 0

    def __call__(self, line: str) -> None:
        words = line.split()
        if len(words) == 3 and words[0] == "Downloading":
            self._sizes[words[1]] = parse_size(words[2].strip("()"))
        elif len(words) == 2 and words[0] in ("Downloaded", "Built"):
            self._done += self._sizes.get(words[1], 0)
        else:
            return
        total = max(self._total or 0, sum(self._sizes.values()))
        self._report(Progress("build", self._done, total or None, "bytes", words[1]))


def parse_size(text: str) -> int:
    """Read uv's `682.6MiB` into bytes; 0 for anything else."""
    match = re.fullmatch(r"([0-9.]+)(B|KiB|MiB|GiB)", text)
    if not match:
        return 0
    return int(float(match[1]) * 1024 ** ("B", "KiB", "MiB", "GiB").index(match[2]))


def _no_python(plan: Plan, said: str) -> UnsolvableError:
    pythons = plan.host.pythons
    found = ", ".join(f"{python.version} ({python.source})" for python in pythons) or "none"
    wanted = " or ".join(plan.choice.recipe.pythons)
    pyenv = f"run `pyenv install {plan.choice.python_version}`" if sys.platform != "win32" else ""
    minor = ".".join(plan.choice.python_version.split(".")[:2])
    near = next((python.version for python in pythons if f"{python.version}.".startswith(f"{minor}.")), None)
    hints = [Hint("python.near", f"use the Python {near} that is installed: `--python {minor}`")] if near else []
    hints += [
        Hint("python.uv", f"connect to the internet and run `uv python install {plan.choice.python_version}`"),
        Hint("python.pyenv", pyenv or f"install Python {plan.choice.python_version} from python.org"),
    ]
    return UnsolvableError(
        f"no Python {plan.choice.python_version} was found, and uv could not install one",
        cause=f"{plan.choice.recipe.name} needs Python {wanted}; found {found}; uv: {explain(said)}",
        hints=hints,
    )
