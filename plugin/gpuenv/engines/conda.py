"""The conda engine: the user's own conda, with its channels, solver and settings, and uv for the Python packages.

conda runs as a child with `--json`: inside its own process another command would overwrite its global state.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpuenv import process
from gpuenv.engines.conda_answers import channel_of, error_of, packages_of, parse_answer
from gpuenv.engines.conda_caches import PackageCaches
from gpuenv.engines.conda_prefix import describe_conda, installed_packages, python_path
from gpuenv.engines.uv import install_packages
from gpuenv.errors import FetchError, GpuenvError, Hint
from gpuenv.model import Built, CondaPackage, Detail, Plan, Progress, Reporter, Solved, Wanted, silent

_PROGRESS = re.compile(r'\{"fetch":"(?P<what>[^|"]*)[^"]*","finished":(?P<finished>\w+).*"progress":(?P<part>[\d.]+)\}')


class CondaEngine:
    """Build conda environments with conda itself."""

    name = "conda"
    conda_packages = True

    def __init__(self) -> None:
        self._caches: PackageCaches | None = None

    def prepare(self, report: Reporter) -> None:
        """Ask conda, meanwhile, where it keeps packages."""
        self._caches = PackageCaches(cache_dirs, ahead=True)

    def resolve(self, wanted: Wanted, report: Reporter) -> Solved:
        """Solve the conda packages with conda (a dry run), and the Python packages, where there are any, with uv.

        Raises UnsolvableError with what is missing in which channel, FetchError for a channel that cannot be read.
        """
        from gpuenv.engines.uv_lock import solve

        caches, self._caches = self._caches or PackageCaches(cache_dirs, ahead=False), None
        if wanted.onto is None:
            packages = solve_new(wanted, caches, report)
        else:
            packages = solve_onto(wanted.onto, wanted, caches, report)
        if not wanted.requirements:
            return Solved("", "conda", conda_packages=packages)
        pypi = solve(wanted, report)
        return Solved(pypi.text, f"{pypi.tool} and conda", pypi.download_bytes, pypi.installed_bytes, packages)

    def fetch(self, plan: Plan, report: Reporter) -> Path:
        """Return where Python is going to be: it is one of the packages, which conda fetches when it installs them."""
        return python_path(plan.prefix, plan.platform)

    def build(self, plan: Plan, python: Path, report: Reporter) -> Built:
        """Install the conda packages of the lock, then its Python packages; every hash is checked.

        What the recipe asks for is given to conda as specs, so that its history says so; the rest is pinned. Raises
        FetchError for a wrong hash or a failed download, UnsolvableError for a package that a channel no longer has.
        """
        packages = plan.lock.conda_packages
        channels = tuple(dict.fromkeys(package.channel for package in packages))
        specs = tuple(f"{one.name}={one.version}={one.build}" for one in packages if one.requested)
        pins = "&".join(f"{one.name}={one.version}={one.build}" for one in packages if not one.requested)
        driver = plan.host.driver
        api = driver.cuda_driver_api if driver is not None else None
        variables = {"CONDA_SUBDIR": plan.platform, "CONDA_PINNED_PACKAGES": pins}
        variables["CONDA_OVERRIDE_CUDA"] = str(api or plan.choice.source.cuda_toolkit)
        run_conda(Call(("create", "--yes", "--prefix", str(plan.prefix)), channels, specs), variables, report)
        check_hashes(plan.prefix, packages)
        built = describe_conda(plan.prefix)
        install_packages(built, plan, report)
        return built

    def clone(self, plan: Plan, report: Reporter) -> None:
        """Copy an environment with conda, which puts the new prefix into its files. Raises GpuenvError."""
        run_conda(Call(("create", "--yes", "--prefix", str(plan.prefix), "--clone", str(plan.onto))), {}, report)

    def add(self, plan: Plan, report: Reporter) -> Built:
        """Install what of the lock is not there yet, and change no other conda package.

        Raises as `build` does.
        """
        own = {package.file_name for package in installed_packages(plan.prefix, {})}
        new = [package for package in plan.lock.conda_packages if package.file_name not in own]
        if new:
            channels = tuple(dict.fromkeys(package.channel for package in new))
            specs = tuple(f"{one.name}={one.version}={one.build}" for one in new)
            command = ("install", "--yes", "--freeze-installed", "--prefix", str(plan.prefix))
            variables = {"CONDA_OVERRIDE_CUDA": str(plan.choice.source.cuda_toolkit)}
            run_conda(Call(command, channels, specs), variables, report)
        check_hashes(plan.prefix, plan.lock.conda_packages)
        built = describe_conda(plan.prefix)
        install_packages(built, plan, report)
        return built

    def describe(self, prefix: Path) -> Built:
        """Read a conda prefix from its `conda-meta`. Raises TargetError when there is none."""
        return describe_conda(prefix)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of conda: the command with its options, the channels (the only ones), and the specs."""

    command: tuple[str, ...]
    channels: tuple[str, ...] = ()
    specs: tuple[str, ...] = ()

    @property
    def argv(self) -> list[str]:
        """Return the arguments of conda."""
        channels = [word for channel in self.channels for word in ("--channel", channel)]
        override = ["--override-channels"] if self.channels else []
        return [*self.command, "--json", *override, *channels, *self.specs]


def conda_program(environ: Mapping[str, str]) -> str:
    """Find conda: the one that calls gpuenv or is set up in the shell, else one on PATH. Raises GpuenvError."""
    found = environ.get("CONDA_EXE") or shutil.which("conda", path=environ.get("PATH"))
    if not found:
        raise GpuenvError(
            "conda was not found",
            cause="CONDA_EXE is not set, and there is no `conda` on PATH",
            hints=[
                Hint(
                    "conda.rattler", "make the environment without conda: run the same command with `--engine rattler`"
                ),
                Hint("conda.uv", "or without conda packages: run the same command with `--engine uv`"),
            ],
        )
    return found


def run_conda(call: Call, variables: Mapping[str, str], report: Reporter) -> dict[str, Any]:
    """Run conda to its end and return its document; its downloads are reported.

    Raises UnsolvableError, FetchError or GpuenvError, by the kind of error that conda names.
    """
    argv = [conda_program(os.environ), *call.argv]
    report(Detail("$ " + " ".join(argv), level=2))
    ended = process.run(argv, env=_environment(variables), on_stdout_line=_Downloads(report))
    document = parse_answer(ended.stdout)
    for line in ended.stderr.splitlines():
        report(Detail(line, level=2))
    if ended.ok:
        return document
    raise error_of(document, call.channels, call.specs, ended)


def solve_new(wanted: Wanted, caches: PackageCaches, report: Reporter) -> tuple[CondaPackage, ...]:
    """Ask conda which packages a new environment would have. Raises UnsolvableError or FetchError."""
    nowhere = Path(os.path.abspath(f".gpuenv-nowhere-{os.getpid()}"))
    call = Call(("create", "--dry-run", "--prefix", str(nowhere)), wanted.channels, wanted.conda_specs)
    answer = run_conda(call, _for_another_machine(wanted), report)
    return packages_of(answer, wanted, caches.needed_for(answer))


def solve_onto(prefix: Path, wanted: Wanted, caches: PackageCaches, report: Reporter) -> tuple[CondaPackage, ...]:
    """Ask conda which packages an environment would have with what is wanted, none of its own changed.

    Raises UnsolvableError or FetchError.
    """
    listed = run_conda(Call(("list", "--prefix", str(prefix))), {}, report)
    channels = {str(one["dist_name"]): channel_of(one, wanted.channels) for one in listed.get("packages", ())}
    own = {package.name: package for package in installed_packages(prefix, channels)}
    if wanted.conda_specs:
        command = ("install", "--dry-run", "--freeze-installed", "--prefix", str(prefix))
        answer = run_conda(Call(command, wanted.channels, wanted.conda_specs), _for_another_machine(wanted), report)
        own |= {package.name: package for package in packages_of(answer, wanted, caches.needed_for(answer))}
    return tuple(own.values())


def _for_another_machine(wanted: Wanted) -> dict[str, str]:
    cuda = str(wanted.cuda_driver_api) if wanted.cuda_driver_api is not None else ""
    return {"CONDA_OVERRIDE_CUDA": cuda, "CONDA_SUBDIR": wanted.platform}


def cache_dirs() -> tuple[Path, ...]:
    """Ask conda where it keeps packages. Raises GpuenvError."""
    said = run_conda(Call(("config", "--show", "pkgs_dirs")), {}, silent)
    return tuple(Path(path) for path in said.get("pkgs_dirs", ()))


def check_hashes(prefix: Path, packages: Iterable[CondaPackage]) -> None:
    """Compare what was installed with the lock. Raises FetchError for another file than the locked one."""
    for package in packages:
        path = prefix / "conda-meta" / f"{package.name}-{package.version}-{package.build}.json"
        try:
            record = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as err:
            raise FetchError(f"conda did not install `{path.stem}`, which the lock pins", cause=str(err)) from err
        for kind, expected in (("sha256", package.sha256), ("md5", package.md5)):
            found = record.get(kind)
            if expected and found and found != expected:
                raise FetchError(
                    f"`{path.stem}` does not have the hash that the lock pins",
                    cause=f"expected {kind} `{expected}`, found `{found}`",
                    hints=[Hint("fetch.lock", "if the channel replaced the file on purpose, run `gpuenv lock`")],
                )


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child conda: the user's, without what belongs to this Python."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    # pip comes from the lock, and gpuenv looks after the environment itself.
    environment |= {"CONDA_ADD_PIP_AS_PYTHON_DEPENDENCY": "false", "GPUENV_HOOKS": "off"}
    return environment | dict(variables)


class _Downloads:
    """Turn conda's lines about downloads into progress; it says parts, so the sum is in packages."""

    def __init__(self, report: Reporter) -> None:
        self._report = report
        self._parts: dict[str, float] = {}

    def __call__(self, line: str) -> None:
        match = _PROGRESS.search(line)
        if match is None:
            return
        before = sum(part >= 1 for part in self._parts.values())
        self._parts[match["what"].strip()] = 1.0 if match["finished"] == "true" else float(match["part"])
        done = sum(part >= 1 for part in self._parts.values())
        if done != before or len(self._parts) == 1:
            self._report(Progress("build", done, None, "packages", match["what"].strip()))
