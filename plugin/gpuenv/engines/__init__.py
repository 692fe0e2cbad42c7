"""Engines: existing installers that build an environment from a plan."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from gpuenv.extension import Engine
from gpuenv.hookspec import hookimpl


@hookimpl
def gpuenv_engines() -> Iterable[Engine]:
    """Give the built-in engines."""
    return _engines()


@cache
def _engines() -> tuple[Engine, ...]:
    """Make one of each: what an engine started to answer `resolve` is of use in `build`."""
    from gpuenv.engines.conda import CondaEngine
    from gpuenv.engines.rattler import RattlerEngine
    from gpuenv.engines.uv import UvEngine

    return (UvEngine(), CondaEngine(), RattlerEngine())
