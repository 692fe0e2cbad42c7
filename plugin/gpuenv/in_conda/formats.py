"""gpuenv's file format in conda: `conda env create -f tf.gpuenv.yaml` and `conda export --format gpuenv`.

The file is a recipe, as `gpuenv export` writes it with its lock, or as a team does without. conda installs its conda
packages; then, behind conda's own command, `gpuenv add` does the rest and proves it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Nothing of gpuenv here, and of conda only what every command has loaded: conda asks for formats at every start.
from conda.base.context import context
from conda.plugins.types import EnvironmentSpecBase

if TYPE_CHECKING:
    from conda.models.environment import Environment

    from gpuenv.errors import GpuenvError
    from gpuenv.in_conda.command import GpuenvCondaError
    from gpuenv.model import CondaPackage

NAME = "gpuenv"
FILE_NAMES = ("*.gpuenv.yaml", "*.gpuenv.yml")
_VERSION_KEY = "gpuenv_recipe_version"

# The file whose conda packages conda is about to install, for the look behind the command.
_begun: list[Path] = []


class RecipeFile(EnvironmentSpecBase):  # type: ignore[misc]
    """Read a recipe file for conda."""

    def __init__(self, filename: str | None = None, **_: Any) -> None:
        self.path = Path(filename or "")

    def can_handle(self) -> bool:
        """Say whether this is a recipe of gpuenv's, by a key that no other format has."""
        try:
            return any(line.startswith(_VERSION_KEY) for line in self.path.read_text("utf-8").splitlines())
        except (OSError, UnicodeDecodeError):
            return False

    @property
    def env(self) -> Environment:
        """Say which conda packages are needed on this machine. Raises GpuenvCondaError with what is in the way.

        conda asks twice where the command names no environment: the first time it wants its name, which is that of the
        file, and drops errors.
        """
        from conda.models.environment import Environment

        from gpuenv.errors import GpuenvError

        arguments = getattr(context, "_argparse_args", None) or {}
        if arguments.get("name") is None and arguments.get("prefix") is None:
            return Environment(platform=context.subdir, name=self.path.name.partition(".")[0])
        try:
            environment = _environment(self.path)
        except GpuenvError as err:
            raise _said_by_conda(err) from err
        if not context.dry_run:
            _begun.append(self.path)
        return environment


def finish() -> bool:
    """Add to the environment that conda has just made what its file says besides; False when it came from no such file.

    Raises GpuenvCondaError; the environment is then as conda made it.
    """
    if not _begun:
        return False
    from gpuenv.in_conda.command import run

    path = _begun.pop()
    quiet = ["-q"] if context.json or context.quiet else []
    code = run(("add", "-p", context.target_prefix, "--recipe", str(path.absolute()), "-y", *quiet))
    if code:
        raise SystemExit(code)
    return True


def exported_text(environment: Environment) -> str:
    """Write an environment that gpuenv made or added to. Raises GpuenvCondaError for another."""
    from gpuenv.cli.export import exported
    from gpuenv.errors import GpuenvError
    from gpuenv.recipes.show import recipe_yaml

    try:
        return recipe_yaml(exported(Path(environment.prefix or context.target_prefix)))
    except GpuenvError as err:
        raise _said_by_conda(err) from err


def _environment(path: Path) -> Environment:
    """Choose for this machine as `create` does; the lock's packages are taken as they are, else conda solves."""
    from conda.models.environment import Environment, EnvironmentConfig
    from conda.models.match_spec import MatchSpec

    from gpuenv import pipeline
    from gpuenv.model import Request, silent
    from gpuenv.plugins import plugins
    from gpuenv.probe import overrides_from
    from gpuenv.session import Session, Target
    from gpuenv.settings import load_settings

    session = Session(plugins(), load_settings(os.environ), dict(os.environ), silent)
    overrides = overrides_from([], None, os.environ)
    target = Target(Path(context.target_prefix), None)
    wanted, packages = pipeline.conda_part(session, Request(recipe=str(path.absolute())), overrides, target)
    config = EnvironmentConfig(channels=wanted.channels)
    if packages and not context.dry_run:
        from conda.misc import get_package_records_from_explicit

        records = list(get_package_records_from_explicit(["@EXPLICIT", *_addresses(packages)]))
        return Environment(platform=context.subdir, config=config, explicit_packages=records)
    specs = [f"{one.name}={one.version}={one.build}" for one in packages] or wanted.conda_specs
    return Environment(platform=context.subdir, config=config, requested_packages=[MatchSpec(spec) for spec in specs])


def _said_by_conda(error: GpuenvError) -> GpuenvCondaError:
    from gpuenv.cli.front import Front
    from gpuenv.in_conda.command import GpuenvCondaError

    return GpuenvCondaError(error, Front(program="conda gpuenv"))


def _addresses(packages: Iterable[CondaPackage]) -> list[str]:
    """Write packages as conda's explicit files do: the address of the file, `#`, and its hash."""
    from conda.models.channel import Channel

    lines = []
    for one in packages:
        base = Channel(one.channel).base_url
        fingerprint = one.md5 or (f"sha256:{one.sha256}" if one.sha256 else "")
        lines.append(f"{base}/{one.subdir}/{one.file_name}#{fingerprint}")
    return lines
