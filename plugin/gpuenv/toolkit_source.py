"""The source `toolkit`: an installed CUDA Toolkit, with the cuDNN in it or one that is staged into the environment."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from packaging.version import Version

from gpuenv.errors import GpuenvError, Hint
from gpuenv.extension import ArtifactSource
from gpuenv.hookspec import hookimpl
from gpuenv.model import Archive, Built, CudaFiles, Host, Plan, Reason, Reporter, Request, Source, Toolkit
from gpuenv.paths import env_toolkit_dir, toolkit_note_path
from gpuenv.settings import Settings
from gpuenv.text_files import typed


class ToolkitSource:
    """CUDA from a directory of the machine; cuDNN beside it, or from NVIDIA's archive in the environment."""

    name = "toolkit"

    def reasons(self, host: Host, request: Request, source: Source) -> tuple[Reason, ...]:
        """Say that no toolkit of the right version is installed; nothing when one is."""
        if (request.platform or host.platform) != host.platform:
            return (Reason("toolkit.elsewhere", "the toolkit of another machine cannot be seen from here"),)
        toolkits = _toolkits(request.artifacts.toolkit_dir, host)
        if any(_fits(toolkit, source) for toolkit in toolkits):
            return ()
        found = ", ".join(f"{toolkit.version} at {toolkit.path}" for toolkit in toolkits) or "none"
        message = f"needs an installed CUDA Toolkit {source.cuda_toolkit}, found {found}"
        fix = f"install CUDA Toolkit {source.cuda_toolkit}, or name its directory with `--toolkit-dir DIR`"
        return (Reason("toolkit.missing", message, fix),)

    def archives(self, plan: Plan) -> tuple[Archive, ...]:
        """Name the archive of cuDNN: the user's, or NVIDIA's where the toolkit has no cuDNN that fits.

        Raises UsageError for a file that is no archive of NVIDIA's, or a version that is not known.
        """
        from gpuenv.bring import archive_of, cudnn_archive

        source = plan.choice.source
        if plan.artifacts.archive is not None:
            return (archive_of(plan.artifacts.archive),)
        if _begins(self._toolkit(plan).cudnn, _release(source.cudnn)):
            return ()
        return (cudnn_archive(source.cudnn, source.cuda_toolkit, plan.platform),)

    def bring(self, built: Built, plan: Plan, settings: Settings, report: Reporter) -> None:
        """Note which toolkit it is, and stage cuDNN into the environment.

        Raises FetchError, TargetError or GpuenvError.
        """
        from gpuenv.bring import bring
        from gpuenv.fetch import options_from

        note = toolkit_note_path(built.prefix)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(f"{self._toolkit(plan).path}\n", "utf-8")
        archives = self.archives(plan)
        if archives:
            directory = env_toolkit_dir(built.prefix)
            directory.mkdir(parents=True, exist_ok=True)
            bring(directory, archives, plan.artifacts, options_from(settings, os.environ), report)

    def _toolkit(self, plan: Plan) -> Toolkit:
        return next(one for one in _toolkits(plan.artifacts.toolkit_dir, plan.host) if _fits(one, plan.choice.source))

    def locate(self, built: Built, source: Source) -> CudaFiles:
        """Find the environment's own libraries, then the toolkit's. Raises GpuenvError when the toolkit is gone."""
        windows = built.platform.startswith("win")
        libraries = "bin" if windows else "lib64"
        try:
            toolkit = Path(toolkit_note_path(built.prefix).read_text("utf-8").rstrip("\n"))
        except OSError as err:
            raise GpuenvError("the environment does not say which CUDA Toolkit it is for", cause=str(err)) from err
        if not (toolkit / libraries).is_dir():
            raise GpuenvError(
                f"the CUDA Toolkit at `{toolkit}` is gone",
                cause=f"expected the directory `{toolkit / libraries}`",
                hints=[
                    Hint("toolkit.gone", f"install it again, or run `gpuenv create -p {typed(built.prefix)} --force`")
                ],
            )
        own = env_toolkit_dir(built.prefix)
        directories = tuple(path for path in (own / libraries, toolkit / libraries) if path.is_dir())
        tools = next((one for one in (toolkit, own) if (one / "nvvm" / "libdevice").is_dir()), None)
        return CudaFiles(directories, tools)


@lru_cache(maxsize=1)
def _toolkits(directory: Path | None, host: Host) -> tuple[Toolkit, ...]:
    """Look at the directory that the user named, else at all toolkits of the machine; once for all recipes."""
    from gpuenv.probe import find_toolkits, toolkit_at

    if directory is None:
        return find_toolkits(Path("/"), os.environ)
    found = toolkit_at(directory)
    return (found,) if found is not None else ()


def _fits(toolkit: Toolkit, source: Source) -> bool:
    return _begins(toolkit.version, source.cuda_toolkit)


def _begins(version: str | None, start: str) -> bool:
    """Say whether a version is another one, or a more exact form of it: 11.0.228 begins with 11.0, 11.1 does not."""
    if version is None:
        return False
    part = Version(start).release
    return Version(version).release[: len(part)] == part


def _release(version: str) -> str:
    """Return the first two numbers of a cuDNN: 8.0.5 serves where 8.0.4 is asked for."""
    return ".".join(version.split(".")[:2])


@hookimpl
def gpuenv_artifact_sources() -> Iterable[ArtifactSource]:
    """Give the source."""
    return [ToolkitSource()]
