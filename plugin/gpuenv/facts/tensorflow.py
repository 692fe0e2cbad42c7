"""What is known of each TensorFlow release (`tensorflow.csv`): a claim a row, with who says it and how they know.

Sources disagree: `build_info.py` of 2.4.0 names PTX for 8.0 only, its binary has machine code for 8.0 in every part.
Both stay in the table, and the better kind of claim wins: `measured` (read or run by somebody who wrote down what),
then `metadata` (what the wheel says of itself), `documented`, `inferred`. A team's own rows (kind `team`) win over all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from packaging.version import Version

from gpuenv.model import ComputeCapability, parse_compute_capability

_TABLE = Path(__file__).with_name("tensorflow.csv")
# Better kinds first.
KINDS = ("team", "measured", "chosen", "metadata", "documented", "inferred")
_PLATFORM = "linux-64"


@dataclass(frozen=True, slots=True)
class Claim:
    """One row: `release` is `2.9.3`, or `2.9` for all of its patch releases; `read` the date."""

    release: str
    platform: str
    key: str
    value: str
    kind: str
    source: str
    read: str

    @property
    def series(self) -> str:
        """Return `2.9` for `2.9.3`."""
        return ".".join(self.release.split(".")[:2])


@dataclass(frozen=True, slots=True)
class Release:
    """A minor release of TensorFlow: the best claim for each question. What nobody claims is None or empty."""

    series: str

    @property
    def number(self) -> tuple[int, int]:
        """Return (2, 9) for 2.9, to compare with."""
        major, minor = self.series.split(".")
        return int(major), int(minor)

    @property
    def version(self) -> str:
        """Return the patch release that gpuenv's recipe installs."""
        return self.value("recipe_release") or self.series

    @property
    def windows(self) -> bool:
        """Say whether it uses a GPU on native Windows."""
        return self.value("gpu", "win-64") == "yes"

    @property
    def pythons(self) -> tuple[str, ...]:
        """Return the Pythons that wheels exist for, newest first, from 3.8 on."""
        found = (self.value("pythons") or "").split()
        return tuple(python for python in found if int(python.split(".")[1]) >= 8)

    @property
    def libraries(self) -> tuple[str, ...]:
        """Return what it opens at start on Linux."""
        return tuple((self.value("libraries") or "").split())

    @property
    def machine_code(self) -> tuple[str, ...]:
        """Return the compute capabilities that all of its own GPU code has machine code for."""
        return tuple((self.value("machine_code") or "").split())

    @property
    def ptx(self) -> str | None:
        """Return the compute capability of its PTX."""
        return self.value("ptx")

    def value(self, key: str, platform: str = _PLATFORM) -> str | None:
        """Return what the best claim says; None when nobody says anything."""
        found = claims(self.series, key, platform)
        return found[0].value if found else None


def claims(series: str, key: str | None = None, platform: str = _PLATFORM) -> tuple[Claim, ...]:
    """Return every claim about a minor release and platform, the best first.

    Among claims of a kind, those about the patch release of the recipe come first, then newer ones.
    """
    found = [
        one for one in _by_series().get(series, ()) if one.platform in (platform, "any") and key in (None, one.key)
    ]
    chosen = next((one.value for one in _by_series().get(series, ()) if one.key == "recipe_release"), "")
    return tuple(
        sorted(found, key=lambda one: (one.key, _rank(one), one.release != chosen, _newest_first(one.release)))
    )


def disagreements(series: str) -> tuple[tuple[Claim, ...], ...]:
    """Return the claims of a release that contradict each other, the winner first."""
    groups: dict[tuple[str, str], list[Claim]] = {}
    for platform in ("linux-64", "win-64"):
        for one in claims(series, None, platform):
            groups.setdefault((one.key, platform), []).append(one)
    found = [tuple(group) for group in groups.values() if len({one.value for one in group}) > 1]
    return tuple(dict.fromkeys(found))


def releases() -> tuple[Release, ...]:
    """Return every minor release in the table, the oldest first."""
    return tuple(sorted((Release(series) for series in _by_series()), key=lambda one: one.number))


def problems(version: str, capability: ComputeCapability | None = None) -> tuple[Claim, ...]:
    """Return what was reported to go wrong with a release; with a capability, on GPUs of that or a greater one.

    The values of such claims are `10.0 | what goes wrong`; what goes wrong on every GPU has no number.
    """
    series = ".".join(version.split(".")[:2])
    found = []
    for one in claims(series, "problem"):
        least, bar, text = one.value.partition(" | ")
        if not bar and capability is None:
            found.append(one)
        elif bar and capability is not None and capability >= parse_compute_capability(least):
            found.append(replace(one, value=text))
    return tuple(one for one in found if one.release in (series, version))


def team_driver_min(version: str, platform: str) -> tuple[Version, str] | None:
    """Return the least driver that a team asks for with a release, and the source it gives; the greatest of several."""
    from gpuenv.facts.team import DRIVER_MIN, team_facts

    series = ".".join(version.split(".")[:2])
    rows = [one for one in team_facts().tensorflow if one.key == DRIVER_MIN and one.release in (series, version)]
    asked = [(Version(one.value), one.source) for one in rows if one.platform in (platform, "any")]
    return max(asked, default=None)


def _rank(claim: Claim) -> int:
    return KINDS.index(claim.kind)


def _newest_first(release: str) -> tuple[int, ...]:
    return tuple(-int(part) for part in release.split("."))


def own_keys() -> frozenset[str]:
    """Return what gpuenv's own table says of releases: the keys of its rows, whatever teams say."""
    return frozenset(row.key for row in _own_rows())


def _own_rows() -> list[Claim]:
    """Read the table. Sample line: `2.9.0,linux-64,search_path,runpath $ORIGIN,measured,dynamic section of ...`."""
    import csv

    with _TABLE.open(encoding="utf-8", newline="") as file:
        return [Claim(**row) for row in csv.DictReader(file)]


@lru_cache(maxsize=1)
def _by_series() -> dict[str, tuple[Claim, ...]]:
    from gpuenv.facts.team import team_facts

    rows = _own_rows()
    rows += [
        Claim(one.release, one.platform, one.key, one.value, "team", one.source, one.read)
        for one in team_facts().tensorflow
    ]
    found: dict[str, list[Claim]] = {}
    for row in rows:
        found.setdefault(row.series, []).append(row)
    return {series: tuple(listed) for series, listed in found.items()}
