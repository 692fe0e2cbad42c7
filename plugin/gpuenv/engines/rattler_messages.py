"""What the rattler engine and its worker tell each other, as lines of JSON on the worker's standard input and output.

To a request it answers with a `Step` now and then, and an `Answer` in the end. On standard error is what libraries say.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from gpuenv.model import CondaPackage

# `missing`: no channel has it. `unhashed`: its channel gives no hash of it. `changed`: the channel's file is not the
# locked one. `damaged`: a download is not what the channel says. `config`: the user's rattler configuration is wrong.
Problem = Literal[
    "install", "unsolvable", "missing", "unhashed", "channel", "changed", "damaged", "full", "config", "failed"
]


class Channel(msgspec.Struct, frozen=True):
    """A channel by the name it was asked for, and its address, which is a name too where rattler knows it."""

    name: str
    address: str


class Solve(msgspec.Struct, frozen=True, tag=True):
    """Find the packages for specs. `cuda` is the version of `__cuda`, None for a machine without a driver."""

    specs: tuple[str, ...]
    channels: tuple[Channel, ...]
    platform: str
    cuda: str | None


class Install(msgspec.Struct, frozen=True, tag=True):
    """Install exactly these packages into a prefix."""

    packages: tuple[CondaPackage, ...]
    channels: tuple[Channel, ...]
    prefix: str
    platform: str


class Answer(msgspec.Struct, frozen=True, tag=True):
    """How it went: packages, or what is in the way; `names` are the specs, packages or channels that it is about."""

    tool: str = ""
    packages: tuple[CondaPackage, ...] = ()
    problem: Problem | None = None
    text: str = ""
    names: tuple[str, ...] = ()


class Step(msgspec.Struct, frozen=True, tag=True):
    """Progress of an installation, in bytes of packages that are fetched and unpacked, and what is being done."""

    done_bytes: int
    total_bytes: int | None
    doing: str
