"""Which drivers and architectures belong to which CUDA (`cuda_driver.csv`, `compute_capability.json`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from packaging.version import InvalidVersion, Version

from gpuenv.facts.products import products
from gpuenv.model import ComputeCapability, parse_compute_capability

_DRIVERS = Path(__file__).with_name("cuda_driver.csv")
_CAPABILITIES = Path(__file__).with_name("compute_capability.json")


@dataclass(frozen=True, slots=True)
class _ToolkitRow:
    cuda_toolkit: Version
    driver_linux: Version | None
    driver_windows: Version | None

    def driver(self, platform: str) -> Version | None:
        """Return the driver for a conda subdir; None for a system that the table does not have."""
        system = platform.partition("-")[0]
        return {"linux": self.driver_linux, "win": self.driver_windows}.get(system)


@dataclass(frozen=True, slots=True)
class _CapabilityRow:
    architecture: str
    first_nvcc: str | None


@lru_cache(maxsize=256)  # a matrix of all recipes asks for the same few thousands of times
def toolkit_driver(cuda_toolkit: str, platform: str) -> Version | None:
    """Return the driver that a CUDA toolkit came with: the one whose compiler reads all PTX of that toolkit.

    `11.0.3` is that very release; `11.0`, and a number that NVIDIA's table does not list (`11.8.89`, a package's
    version), mean the least driver of the 11.0 or 11.8 releases. None when the table has no such CUDA or no driver
    for `platform` (a conda subdir).
    """
    try:
        wanted = Version(cuda_toolkit)
    except InvalidVersion:
        return None
    exact = [row for row in _toolkits() if row.cuda_toolkit == wanted and wanted.release[2:]]
    family = [row for row in _toolkits() if row.cuda_toolkit.release[:2] == wanted.release[:2]]
    drivers = [driver for row in exact or family if (driver := row.driver(platform)) is not None]
    return min(drivers, default=None)


def cuda_driver_api(driver_version: Version, platform: str) -> Version | None:
    """Return the CUDA that a driver knows, as `11.2`: that of the newest toolkit that came with it or an older one.

    None for a driver that is older than the table, and for a system that the table does not have.
    """
    known = [
        row.cuda_toolkit
        for row in _toolkits()
        if (driver := row.driver(platform)) is not None and driver <= driver_version
    ]
    return Version(".".join(str(part) for part in max(known).release[:2])) if known else None


def first_driver_for(capability: ComputeCapability, platform: str) -> Version | None:
    """Return the least driver that knows GPUs of that compute capability, as far as the tables tell.

    This is inferred, not read: it is the driver that came with the first CUDA toolkit whose compiler names the
    capability (`first_nvcc` in compute_capability.json, `toolkit_driver_*` in cuda_driver.csv). 8.6 is first named by
    CUDA 11.1, which came with 455.23 (Linux) and 456.38 (Windows). None for a capability that no table names, and for
    those older than the driver table (CUDA 8.0).
    """
    row = _capabilities().get(capability)
    return toolkit_driver(row.first_nvcc, platform) if row is not None and row.first_nvcc else None


def known_cudas() -> tuple[Version, ...]:
    """Return every minor release of CUDA that the table of drivers names, as `11.2`, the oldest first."""
    return tuple(sorted({Version(f"{row.cuda_toolkit.major}.{row.cuda_toolkit.minor}") for row in _toolkits()}))


def newest_driver() -> Version:
    """Return the newest driver that the table names, on any system."""
    return max(driver for row in _toolkits() for driver in (row.driver_linux, row.driver_windows) if driver is not None)


def known_capabilities() -> tuple[ComputeCapability, ...]:
    """Return every compute capability that some GPU has, the least first: of a compiler's table or of a product."""
    return tuple(sorted({*_capabilities(), *(one for _, one in products())}))


def architecture_name(capability: ComputeCapability) -> str | None:
    """Return NVIDIA's name for the architecture: `Ampere` for 8.6; None when the table does not have it."""
    row = _capabilities().get(capability)
    return row.architecture if row is not None else None


@lru_cache(maxsize=1)
def _toolkits() -> tuple[_ToolkitRow, ...]:
    """Read the table. Sample line: `11.1 GA,11.1.0,11.1,455.23,456.38,450.80.02,452.39,...`."""
    import csv

    from gpuenv.facts.team import team_facts

    with _DRIVERS.open(encoding="utf-8", newline="") as file:
        own = [
            _ToolkitRow(
                Version(row["cuda"]),
                _version(row["toolkit_driver_linux"]),
                _version(row["toolkit_driver_windows"]),
            )
            for row in csv.DictReader(file)
        ]
    team = [_ToolkitRow(Version(row.cuda), _version(row.linux), _version(row.windows)) for row in team_facts().drivers]
    said = {row.cuda_toolkit for row in team}
    return (*team, *(row for row in own if row.cuda_toolkit not in said))


def _version(text: str | None) -> Version | None:
    return Version(text) if text else None


@lru_cache(maxsize=1)
def _capabilities() -> dict[ComputeCapability, _CapabilityRow]:
    """Read the table. Sample entry: `{"cc": "8.6", "sm": "sm_86", "arch": "Ampere", "first_nvcc": "11.1", ...}`."""
    import json

    from gpuenv.facts.team import team_facts

    entries = json.loads(_CAPABILITIES.read_text(encoding="utf-8"))["capabilities"]
    found = {
        parse_compute_capability(entry["cc"]): _CapabilityRow(entry["arch"], entry["first_nvcc"]) for entry in entries
    }
    for row in team_facts().architectures:
        found[parse_compute_capability(row.compute_capability)] = _CapabilityRow(row.name, row.first_cuda)
    return found
