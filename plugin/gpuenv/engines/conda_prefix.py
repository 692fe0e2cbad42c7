"""What every engine for conda packages has to know about a conda prefix: its layout, and what is in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from packaging.version import Version

from gpuenv.errors import Hint, TargetError
from gpuenv.model import Built, CondaPackage
from gpuenv.text_files import typed


def describe_conda(prefix: Path) -> Built:
    """Read a conda prefix from the record of its Python, `conda-meta/python-3.8.18-h955ad1f_0.json`.

    It looks like this, with much more in it; `python_site_packages_path` is there from Python 3.13 on::

        {"name": "python", "version": "3.8.18", "subdir": "linux-64", "python_site_packages_path": null}

    Raises TargetError when this is no conda prefix, or has no Python.
    """
    record = python_record(prefix)
    version, platform = Version(record["version"]), str(record.get("subdir") or _platform(prefix))
    if platform.startswith("win"):
        usual = "Lib/site-packages"
    else:
        usual = f"lib/python{version.major}.{version.minor}/site-packages"
    site_packages = prefix / (record.get("python_site_packages_path") or usual)
    return Built(prefix, python_path(prefix, platform), version, site_packages, platform, conda=True)


def python_record(prefix: Path) -> dict[str, Any]:
    """Return the record of the prefix's Python. Raises TargetError when there is none, or it cannot be read."""
    directory = prefix / "conda-meta"
    for path in sorted(directory.glob("python-[0-9]*.json")):
        try:
            record = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as err:
            raise TargetError(f"`{path}` cannot be read", cause=str(err)) from err
        if record.get("name") == "python":
            return dict(record)
    what = "has no Python" if directory.is_dir() else "is not a conda environment"
    raise TargetError(
        f"`{prefix}` {what}",
        cause=f"expected a record of Python in `{directory}`, found none",
        hints=[Hint("target.recreate", f"make the environment again with `gpuenv create -p {typed(prefix)}`")],
    )


def installed_packages(prefix: Path, channels: Mapping[str, str]) -> tuple[CondaPackage, ...]:
    """Read which conda packages an environment has, without those whose record has no hash.

    `channels` are the channels' names by package (`cudnn-8.0.5.39-ha5ca753_1`); without one it is what the record says,
    which may be an address.
    """
    found = []
    for path in sorted((prefix / "conda-meta").glob("*.json")):
        record = json.loads(path.read_text("utf-8"))
        if not record.get("sha256") and not record.get("md5"):
            continue
        package = CondaPackage(
            name=record["name"],
            version=record["version"],
            build=record["build"],
            channel=channels.get(path.stem, str(record.get("channel", ""))),
            subdir=record["subdir"],
            file_name=record["fn"],
            sha256=record.get("sha256"),
            md5=record.get("md5"),
            size_bytes=record.get("size"),
            requested=bool(record.get("requested_spec") or record.get("requested_specs")),
        )
        found.append(package)
    return tuple(found)


def python_path(prefix: Path, platform: str) -> Path:
    """Return where the Python of a conda prefix is, or is going to be."""
    return prefix / "python.exe" if platform.startswith("win") else prefix / "bin" / "python"


def _platform(prefix: Path) -> str:
    return "win-64" if (prefix / "python.exe").exists() else "linux-64"


def complete_records(prefix: Path, specs: Iterable[str]) -> None:
    """Write into `conda-meta` what rattler leaves out or writes otherwise than conda does.

    That is which packages were asked for (`cudnn==8.0.5.39`; `rattler.install` has an argument for it, which py-rattler
    0.28.0 does not pass on as its own library wants it), and for a link the hash of what it leads to: rattler writes
    that of the link's text, which `conda doctor` takes for an altered file.
    """
    asked = {spec.partition("==")[0]: spec for spec in specs}
    for path in (prefix / "conda-meta").glob("*.json"):
        record = json.loads(path.read_text("utf-8"))
        for entry in record.get("paths_data", {}).get("paths", ()):
            if entry.get("path_type") == "softlink" and "sha256_in_prefix" in entry:
                entry["sha256_in_prefix"] = entry.get("sha256")
        spec = asked.get(record["name"])
        if spec is not None:
            record |= {"requested_spec": spec, "requested_specs": [spec]}
        # Not in place: a file in `conda-meta` may be a link to a cache that others use.
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
        temporary.replace(path)


def write_history(prefix: Path, packages: Iterable[CondaPackage], specs: Iterable[str]) -> None:
    """Add to `conda-meta/history` what conda itself would have written; conda keeps to these specs in later changes.

    The file looks like::

        ==> 2026-11-23 05:10:00 <==
        # cmd: gpuenv create
        +conda-forge/linux-64::cudnn-8.0.5.39-ha5ca753_1
        # update specs: ['python==3.8.18', 'cudnn==8.0.5.39']
    """
    lines = [f"==> {datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} <==", "# cmd: gpuenv create"]
    lines += sorted(f"+{one.channel}/{one.subdir}::{one.name}-{one.version}-{one.build}" for one in packages)
    lines.append(f"# update specs: {list(specs)!r}")
    path = prefix / "conda-meta" / "history"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
