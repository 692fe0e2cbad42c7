"""What conda answers with `--json`: the packages of a dry run, and what kind of error it names. Pure but for caches."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gpuenv.errors import FetchError, GpuenvError, Hint, UnsolvableError
from gpuenv.model import CondaPackage, Wanted
from gpuenv.process import Completed

_PYPI = Hint("conda.pypi", "take CUDA from NVIDIA's wheels instead: run the same command with `--cuda-from pypi`")
_AGAIN = Hint("fetch.again", "connect to the internet and run the same command again")
# Names of exceptions as `exception_name`, conda 26.7 and its solvers. Source: conda/exceptions.py.
_UNSOLVABLE = ("Unsatisfiable", "PackagesNotFound", "ResolvePackageNotFound", "SpecsConfigurationConflict")
_NETWORK = ("HTTPError", "ConnectionError", "ProxyError", "SSLError", "UnavailableInvalidChannel", "Timeout", "Offline")


def parse_answer(text: str) -> dict[str, Any]:
    """Return the last document of conda's output, which has others for its downloads before it; empty for none.

    They end with a NUL, as in ``{"fetch":"cudnn-8.0.5.39 | 640.0 MB","finished":true,"maxval":1,"progress":1}``.
    """
    for part in reversed(text.split("\0")):
        begin = part.find("{")
        try:
            found = json.loads(part[begin:]) if begin >= 0 else None
        except ValueError:
            continue
        if isinstance(found, dict) and "fetch" not in found:
            return found
    return {}


def packages_of(answer: Mapping[str, Any], wanted: Wanted, caches: Iterable[Path]) -> tuple[CondaPackage, ...]:
    """Read the packages of a dry run, in the order in which conda would link them.

    `actions.LINK` has all of them and no hashes, ``{"name": "cudnn", "version": "8.0.5.39", "build_string":
    "ha5ca753_1", "base_url": "...", "channel": "conda-forge", "platform": "linux-64", "dist_name": "cudnn-8.0..."}``;
    `actions.FETCH` has whole records of what is not in a cache; the others' records lie in the caches. Raises
    FetchError for one whose record is nowhere.
    """
    actions = answer.get("actions", {})
    fetched = {_stem(record): record for record in actions.get("FETCH", ())}
    asked = {re.split(r"[=<>! ]", spec, maxsplit=1)[0] for spec in wanted.conda_specs}
    places = tuple(caches)
    return tuple(
        _package(linked, fetched.get(linked["dist_name"]) or _cached(linked, places), wanted, asked)
        for linked in actions.get("LINK", ())
    )


def error_of(
    document: Mapping[str, Any], channels: Sequence[str], specs: Sequence[str], ended: Completed
) -> GpuenvError:
    """Return the error for what conda could not do."""
    kind = str(document.get("exception_name", ""))
    last_line = next((line for line in reversed(ended.stderr.splitlines()) if line.strip()), ended.ending)
    said = str(document.get("message") or document.get("error") or last_line)
    wheels = [_PYPI] if any(not spec.startswith("python=") for spec in specs) else []
    looked_in = " and ".join(f"`{channel}`" for channel in channels)
    if any(sign in kind for sign in _UNSOLVABLE):
        missing = ", ".join(f"`{name}`" for name in document.get("packages", ()))
        what = f"no {missing}" if missing else "no packages that fit together"
        where = f"channel {looked_in} has" if len(channels) == 1 else f"the channels {looked_in} have"
        other = Hint("conda.channel", "name a channel that has what is missing: `--channel NAME`")
        return UnsolvableError(f"{where} {what}", cause=one_line(said), hints=[*wheels, other])
    if any(sign in kind for sign in _NETWORK):
        return FetchError(
            f"{looked_in or 'a channel'} could not be read", cause=one_line(said), hints=[_AGAIN, *wheels]
        )
    if re.search(r"cache[/\\][0-9a-f]+\.json", said) and kind == "FileNotFoundError":
        # What the rattler solver (conda-rattler-solver with conda 26.7) says when it is offline and knows no channel.
        online = Hint("fetch.online", "run the same command without `--offline`")
        return FetchError(
            f"conda is offline, and its cache lacks {looked_in or 'a channel'}", cause=one_line(said), hints=[online]
        )
    if "Checksum" in kind:
        clean = Hint("fetch.clean", "run `conda clean --packages --tarballs`, then the same command again")
        return FetchError("a download does not have the right hash", cause=one_line(said), hints=[clean])
    if kind == "NoSpaceLeftError":
        elsewhere = Hint("disk.elsewhere", "free some space, or choose another place with `-p PATH`")
        return GpuenvError("the disk is full", cause=one_line(said), hints=[elsewhere])
    return GpuenvError(f"conda failed: {kind or ended.ending}", cause=one_line(said))


def one_line(text: str) -> str:
    """Put conda's explanation, often a tree or a list of lines, into one line."""
    lines = [line.strip(" -\u251c\u2514\u2502\u2500\t") for line in text.splitlines()]
    return "; ".join(line for line in lines if line)[:1000]


def _package(linked: Mapping[str, Any], record: Mapping[str, Any], wanted: Wanted, asked: set[str]) -> CondaPackage:
    return CondaPackage(
        name=linked["name"],
        version=linked["version"],
        build=linked["build_string"],
        channel=channel_of(linked, wanted.channels),
        subdir=linked["platform"],
        file_name=record["fn"],
        sha256=record.get("sha256"),
        md5=record.get("md5"),
        size_bytes=record.get("size"),
        requested=linked["name"] in asked,
    )


def channel_of(linked: Mapping[str, Any], channels: Sequence[str]) -> str:
    """Return the channel as the user or the recipe named it: by its address, else by its name."""
    address, name = str(linked.get("base_url", "")).rstrip("/"), str(linked["channel"])
    by_address = {channel.rstrip("/"): channel for channel in channels}
    return by_address.get(address, name)


def _cached(linked: Mapping[str, Any], caches: Sequence[Path]) -> Mapping[str, Any]:
    for cache in caches:
        try:
            record = json.loads((cache / linked["dist_name"] / "info" / "repodata_record.json").read_text("utf-8"))
        except (OSError, ValueError):
            continue
        return dict(record)
    raise FetchError(
        f"conda does not say which file `{linked['dist_name']}` is",
        cause="it is neither in the plan nor in a package cache",
        hints=[Hint("fetch.clean", "run `conda clean --packages`, then the same command again")],
    )


def _stem(record: Mapping[str, Any]) -> str:
    return str(record["fn"]).removesuffix(".conda").removesuffix(".tar.bz2")
