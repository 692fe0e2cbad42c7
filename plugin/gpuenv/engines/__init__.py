"""Engines: existing installers that build an environment from a plan."""

from __future__ import annotations

from collections.abc import Iterable

from gpuenv.extension import Engine
from gpuenv.hookspec import hookimpl


@hookimpl
def gpuenv_engines() -> Iterable[Engine]:
    """Give the built-in engines."""
    from gpuenv.engines.conda import CondaEngine
    from gpuenv.engines.rattler import RattlerEngine
    from gpuenv.engines.uv import UvEngine

    return [UvEngine(), CondaEngine(), RattlerEngine()]
