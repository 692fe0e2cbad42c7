"""From the name of a conda channel to its address, by the user's own `.condarc`.

Only for engines that do not ask conda itself. Mirrors, proxies and certificates are rattler's own configuration.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpuenv.errors import Hint, UsageError

# What conda means by `defaults`, by the names that these channels have for everybody else (`msys2` on Windows is left
# out: it is for building). Source: conda's documentation of `default_channels` and pixi's of channels, read 2026-11.
DEFAULT_CHANNELS = ("main", "r")
_TOKEN = re.compile(r"/t/[^/]+/|//[^/]*@")


@dataclass(frozen=True, slots=True)
class Channels:
    """What a user has set about channels: the address of names, those with one of their own, and what `defaults` is.

    Without an `alias` a name stays one: rattler knows where names lead when nobody says otherwise.
    """

    alias: str | None = None
    custom: Mapping[str, str] = field(default_factory=dict)
    defaults: tuple[str, ...] = DEFAULT_CHANNELS

    def addresses(self, channel: str) -> tuple[str, ...]:
        """Return the addresses of a channel, or its name: one, but several for `defaults`.

        A channel is a name (`conda-forge`), an address, or a directory. Raises UsageError for an address with a secret
        in it, which would be written down in locks and receipts.
        """
        if _TOKEN.search(channel):
            raise UsageError(
                "the address of a channel holds a password or token",
                cause=f"it begins `{channel.split('://')[0]}://`, and would be written into the lock",
                hints=[Hint("channel.secret", "put the secret into `~/.netrc`, and name the channel without it")],
            )
        channel = channel_name(channel)
        if "://" in channel:
            return (channel,)
        if channel == "defaults":
            return tuple(address for one in self.defaults if one != channel for address in self.addresses(one))
        # `custom_channels: {acme: https://conda.acme.example}` also holds for `acme/label/test`.
        base = self.custom.get(channel) or self.custom.get(channel.partition("/")[0]) or self.alias
        return (f"{base.rstrip('/')}/{channel}",) if base else (channel,)


def channel_name(channel: str) -> str:
    """Return a channel by the name that goes into locks: a directory becomes an address, `file:///srv/my%20channel`."""
    if "://" in channel:
        return channel.rstrip("/")
    if channel.startswith((".", "/", "~", "\\")) or re.match(r"[A-Za-z]:[\\/]", channel):
        return Path(channel).expanduser().resolve().as_uri()
    return channel


def read_channels(environ: Mapping[str, str], home: Path) -> Channels:
    """Read the settings of `.condarc` files, of which the last one wins.

    Such a file looks like::

        channel_alias: https://conda.acme.example
        custom_channels:
          acme: https://packages.acme.example/conda
        default_channels: [https://mirror.acme.example/main]

    `CONDA_CHANNEL_ALIAS` wins over all of them. A file that cannot be read counts as empty: conda says what is wrong.
    """
    found: dict[str, Any] = {}
    custom: dict[str, str] = {}
    for path in _files(environ, home):
        settings = _read(path)
        custom.update(settings.get("custom_channels") or {})
        found.update(settings)
    defaults = tuple(str(one) for one in found.get("default_channels") or DEFAULT_CHANNELS)
    alias = environ.get("CONDA_CHANNEL_ALIAS") or found.get("channel_alias")
    return Channels(str(alias) if alias else None, custom, defaults)


def _files(environ: Mapping[str, str], home: Path) -> Iterator[Path]:
    """List conda's configuration files, the weakest first. Source: conda's documentation, "searching for .condarc"."""
    system = [Path(r"C:\ProgramData\conda")] if os.name == "nt" else [Path("/etc/conda"), Path("/var/lib/conda")]
    root = environ.get("CONDA_ROOT") or environ.get("MAMBA_ROOT_PREFIX")
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "conda"
    for directory in (*system, *([Path(root)] if root else []), config, home / ".conda"):
        yield directory / ".condarc"
    yield home / ".condarc"
    if environ.get("CONDARC"):
        yield Path(environ["CONDARC"])


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        settings = YAML(typ="safe", pure=True).load(path)
    except (OSError, UnicodeDecodeError, YAMLError):
        return {}
    return settings if isinstance(settings, dict) else {}
