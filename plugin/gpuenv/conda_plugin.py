"""gpuenv as a plugin of conda (entry-point group `conda`): hook implementations and nothing else.

conda loads this module with every command but `--version` and `shell.*`, so it imports nothing of gpuenv at the top,
and each hook only what it gives. A newer hook is implemented only where this conda has its type.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from conda.plugins import types
from conda.plugins.hookspec import hookimpl

if TYPE_CHECKING:
    from argparse import Namespace

SUMMARY = "Make, prove and mend environments in which a framework trains on the NVIDIA GPU."
_FORMAT = "A recipe of gpuenv, with its lock or without"
# The commands after which an environment may have changed; `conda env create` reports `create`.
CHANGING = {"create", "install", "update", "remove", "env_create", "env_update"}


@hookimpl
def conda_subcommands() -> Iterator[Any]:
    """Add `conda gpuenv`; it reads its own command line, so that other commands pay for no parser."""
    yield types.CondaSubcommand(name="gpuenv", summary=SUMMARY, action=_command)


@hookimpl
def conda_post_commands() -> Iterator[Any]:
    """Look after environments that conda has just changed."""
    yield types.CondaPostCommand(name="gpuenv", action=_look_after, run_for=CHANGING)


if hasattr(types, "CondaHealthCheck"):

    @hookimpl
    def conda_health_checks() -> Iterator[Any]:
        """Add a check to `conda doctor`, with a fixer where conda has fixers (26.1)."""
        more = _known(
            types.CondaHealthCheck,
            fixer=_mend,
            summary="Detect CUDA libraries that a framework will not find",
            fix="Link the CUDA libraries again",
        )
        yield types.CondaHealthCheck(name="gpuenv", action=_examine, **more)


if hasattr(types, "CondaEnvironmentSpecifier"):

    @hookimpl
    def conda_environment_specifiers() -> Iterator[Any]:
        """Let `conda env create -f tf.gpuenv.yaml` read recipes (25.5)."""
        from gpuenv.in_conda.formats import FILE_NAMES, NAME, RecipeFile

        more = _known(types.CondaEnvironmentSpecifier, default_filenames=FILE_NAMES, description=_FORMAT)
        yield types.CondaEnvironmentSpecifier(name=NAME, environment_spec=RecipeFile, **more)


if hasattr(types, "CondaEnvironmentExporter"):

    @hookimpl
    def conda_environment_exporters() -> Iterator[Any]:
        """Let `conda export --format gpuenv` write them (25.7)."""
        from gpuenv.in_conda.formats import FILE_NAMES, NAME, exported_text

        more = _known(types.CondaEnvironmentExporter, description=_FORMAT)
        yield types.CondaEnvironmentExporter(
            name=NAME, aliases=(), default_filenames=FILE_NAMES, export=exported_text, **more
        )


if hasattr(types, "CondaSetting"):

    @hookimpl
    def conda_settings() -> Iterator[Any]:
        """Add `plugins: gpuenv_hooks: off|hint|auto` to `.condarc`."""
        from conda.common.configuration import PrimitiveParameter

        yield types.CondaSetting(
            name="gpuenv_hooks",
            description="what gpuenv does after conda has changed an environment: off, hint (say what is wrong), "
            "auto (mend what can be mended, the default)",
            parameter=PrimitiveParameter("auto", element_type=str, validation=_is_mode),
        )


def _command(arguments: tuple[str, ...]) -> int:
    from gpuenv.in_conda.command import run

    return run(arguments)


def _known(kind: Any, **fields: Any) -> dict[str, Any]:
    """Keep the fields that this conda's type has."""
    names = getattr(kind, "__dataclass_fields__", {})
    return {name: value for name, value in fields.items() if name in names}


def _look_after(command: str) -> None:
    """End what a recipe file began, whose errors count; a mere look never raises, for the command has succeeded."""
    formats = sys.modules.get("gpuenv.in_conda.formats")
    if formats is not None and formats.finish():
        return
    try:
        from gpuenv.in_conda.after import look_after

        look_after(command)
    except Exception:
        from logging import getLogger

        getLogger(__name__).debug("gpuenv could not look after the environment", exc_info=True)


def _examine(prefix: str, verbose: bool) -> None:
    from gpuenv.in_conda.health import examine

    examine(prefix, verbose=verbose)


def _mend(prefix: str, args: Namespace, confirm: Any) -> int:
    from gpuenv.in_conda.health import mend

    return mend(prefix, confirm)


def _is_mode(value: str) -> str | bool:
    return value in ("off", "hint", "auto") or "expected off, hint or auto"
