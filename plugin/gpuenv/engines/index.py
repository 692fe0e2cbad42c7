"""Where packages come from: the user's own uv or pip configuration, never an address of gpuenv's."""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

# uv's own settings for an index; with any of them set, pip's configuration is left out. Source: uv's reference of
# environment variables, read 2026-11.
UV_INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_NO_INDEX")


def index_environment(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return the environment for uv: the user's, with pip's index added when only pip is configured.

    uv does not read pip's files, so `index-url` becomes UV_DEFAULT_INDEX, from `PIP_INDEX_URL` or a file such as::

        [global]
        index-url = https://mirror.example/simple

    Only the main index is taken over. An extra index means something else to uv (it comes first, pip takes the best
    version of all), and a lock's hashes are found in the main one.
    """
    environment = dict(environ)
    if any(environ.get(name) for name in UV_INDEX_VARIABLES) or _uv_configured(environ, home):
        return environment
    url = environ.get("PIP_INDEX_URL") or _pip_option("index-url", environ, home)
    if url:
        environment["UV_DEFAULT_INDEX"] = url
    return environment


def _uv_configured(environ: Mapping[str, str], home: Path) -> bool:
    """Say whether a uv.toml of the user or the system names an index (a mention is enough to stay out of its way)."""
    candidates = [Path(environ["UV_CONFIG_FILE"])] if environ.get("UV_CONFIG_FILE") else []
    candidates += [_config_home(environ, home) / "uv" / "uv.toml", Path("/etc/uv/uv.toml")]
    return any("index" in _text(path) for path in candidates)


def _pip_option(option: str, environ: Mapping[str, str], home: Path) -> str | None:
    """Read an option the way pip does: the last file that has it wins, `[install]` over `[global]`."""
    value = None
    for path in _pip_files(environ, home):
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(_text(path))
        except configparser.Error:
            continue
        for section in ("global", "install"):
            value = parser.get(section, option, fallback=value)
    return value


def _pip_files(environ: Mapping[str, str], home: Path) -> Iterator[Path]:
    """List pip's configuration files, the weakest first; none where `PIP_CONFIG_FILE` is the null device.

    Source: pip's documentation of its configuration, 2026-11.
    """
    if environ.get("PIP_CONFIG_FILE") == os.devnull:
        return
    if os.name == "nt":
        yield Path(environ.get("PROGRAMDATA", r"C:\ProgramData")) / "pip" / "pip.ini"
        yield home / "pip" / "pip.ini"
        yield Path(environ.get("APPDATA", home)) / "pip" / "pip.ini"
    else:
        yield Path("/etc/pip.conf")
        yield home / ".pip" / "pip.conf"
        yield _config_home(environ, home) / "pip" / "pip.conf"
    if environ.get("PIP_CONFIG_FILE"):
        yield Path(environ["PIP_CONFIG_FILE"])


def _config_home(environ: Mapping[str, str], home: Path) -> Path:
    if os.name == "nt":
        return Path(environ.get("APPDATA", home))
    return Path(environ.get("XDG_CONFIG_HOME") or home / ".config")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""
