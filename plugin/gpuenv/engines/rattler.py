"""The rattler engine: conda packages where no conda is installed, by the library py-rattler, and uv for the wheels.

rattler reads the channels, solves, downloads and installs; what it does lies in a process of its own
(`rattler_worker.py`). What comes out is a conda environment, which conda and micromamba can go on with.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from gpuenv.engines.conda_channels import read_channels
from gpuenv.engines.conda_prefix import complete_records, describe_conda, python_path, write_history
from gpuenv.engines.rattler_cache import are_cached, cache_dir
from gpuenv.engines.uv import UvEngine, install_packages
from gpuenv.model import Built, CondaPackage, Plan, Reporter, Solved, Wanted

if TYPE_CHECKING:
    from gpuenv.engines.rattler_asking import Worker
    from gpuenv.engines.rattler_messages import Channel


class RattlerEngine:
    """Build conda environments with py-rattler. The worker that found the packages stays, to install them next."""

    name = "rattler"
    conda_packages = True

    def __init__(self) -> None:
        self._worker: Worker | None = None

    def prepare(self, report: Reporter) -> None:
        """Start the worker, which has to load rattler."""
        from gpuenv.engines.rattler_asking import Worker

        if self._worker is not None:
            self._worker.end()
        self._worker = Worker(report)

    def resolve(self, wanted: Wanted, report: Reporter) -> Solved:
        """Solve the conda packages with rattler, and the Python packages, where there are any, with uv.

        Raises UnsolvableError with what is missing in which channel, FetchError for a channel that cannot be read.
        """
        from gpuenv.engines.rattler_errors import error_of
        from gpuenv.engines.rattler_messages import Solve
        from gpuenv.engines.uv_lock import solve

        cuda = str(wanted.cuda_driver_api) if wanted.cuda_driver_api is not None else None
        channels = addresses(wanted.channels)
        worker = self._take(report, new=True)
        answer = worker.ask(Solve(wanted.conda_specs, channels, wanted.platform, cuda), report)
        if answer.problem is not None:
            raise error_of(answer, wanted.channels, wanted.conda_specs)
        self._worker = worker
        if not wanted.requirements:
            return Solved("", answer.tool, conda_packages=answer.packages)
        pypi = solve(wanted, report)
        return Solved(
            pypi.text, f"{pypi.tool} and {answer.tool}", pypi.download_bytes, pypi.installed_bytes, answer.packages
        )

    def fetch(self, plan: Plan, report: Reporter) -> Path:
        """Return where Python is going to be: it is one of the packages, which are fetched when they are installed."""
        return python_path(plan.prefix, plan.platform)

    def build(self, plan: Plan, python: Path, report: Reporter) -> Built:
        """Install the conda packages of the lock, then its Python packages; every hash is checked.

        Raises FetchError for a wrong hash or a failed download, UnsolvableError for a package that a channel no longer
        has, GpuenvError for a full disk.
        """
        from gpuenv.engines.rattler_errors import error_of
        from gpuenv.engines.rattler_messages import Install

        packages = plan.lock.conda_packages
        channels = tuple(dict.fromkeys(package.channel for package in packages))
        specs = requested_specs(packages)
        request = Install(packages, addresses(channels), str(plan.prefix), plan.platform)
        worker = self._take(report, new=False)
        answer = worker.ask(request, report)
        if answer.problem is not None:
            raise error_of(answer, channels, specs, plan.prefix)
        worker.end()
        complete_records(plan.prefix, specs)
        write_history(plan.prefix, packages, specs)
        built = describe_conda(plan.prefix)
        install_packages(built, plan, report)
        return built

    def is_cached(self, plan: Plan, report: Reporter) -> bool:
        """Say whether rattler's cache and uv's have everything, so that nothing would be downloaded."""
        directory = cache_dir(os.environ, Path.home())
        return are_cached(plan.lock.conda_packages, directory) and UvEngine().is_cached(plan, report)

    def describe(self, prefix: Path) -> Built:
        """Read a conda prefix from its `conda-meta`. Raises TargetError when there is none."""
        return describe_conda(prefix)

    def _take(self, report: Reporter, *, new: bool) -> Worker:
        """Return the worker that is there, or a new one; with `new` none that knows channels as they once were."""
        from gpuenv.engines.rattler_asking import Worker

        worker, self._worker = self._worker, None
        if worker is not None and new and not worker.is_new:
            worker.end()
            worker = None
        return worker or Worker(report)


def addresses(names: tuple[str, ...]) -> tuple[Channel, ...]:
    """Return the channels with their addresses, as the user's settings say. Raises UsageError for a secret in one."""
    from gpuenv.engines.rattler_messages import Channel

    settings = read_channels(os.environ, Path.home())
    return tuple(Channel(name, address) for name in names for address in settings.addresses(name))


def requested_specs(packages: tuple[CondaPackage, ...]) -> tuple[str, ...]:
    """Return what conda shall hold on to when it changes the environment: the version of what was asked for."""
    return tuple(f"{package.name}=={package.version}" for package in packages if package.requested)
