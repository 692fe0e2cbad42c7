"""The whole table: every release against every generation of GPUs, on Linux and Windows. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gpuenv.model import ComputeCapability, Gpu, GpuCode, Host, LoadedRecipe, Request, format_compute_capability
from gpuenv.recipes.explain import Verdict, explain
from gpuenv.recipes.fit import OVERRIDE

# One of each architecture that people have; 8.6 and 8.9 apart, which releases serve differently.
CAPABILITIES: tuple[ComputeCapability, ...] = (
    (3, 5),
    (5, 0),
    (6, 1),
    (7, 0),
    (7, 5),
    (8, 0),
    (8, 6),
    (8, 9),
    (9, 0),
    (10, 0),
    (12, 0),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A release on a GPU: how its code runs, None for not at all, and the least driver."""

    compute_capability: str
    code: GpuCode | None
    driver_min: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """A release on a platform."""

    recipe: str
    framework: str
    version: str
    platform: str
    pythons: tuple[str, ...]
    cuda_toolkit: str | None
    cudnn: str | None
    source: str | None
    gpus: tuple[Cell, ...]

    @property
    def driver_min(self) -> str | None:
        """Return the least driver that serves any of the GPUs."""
        from packaging.version import Version

        return min((cell.driver_min for cell in self.gpus if cell.code and cell.driver_min), key=Version, default=None)


def matrix(recipes: Iterable[LoadedRecipe], artifact_sources: frozenset[str]) -> tuple[Row, ...]:
    """Return a row for each release and platform it exists for, the newest first."""
    loaded = tuple(recipes)
    rows = []
    for platform in ("linux-64", "win-64"):
        judged = {
            capability: explain(_machine(platform, capability), Request(), loaded, artifact_sources)
            for capability in CAPABILITIES
        }
        rows += [
            _row(platform, verdicts)
            for verdicts in zip(*judged.values(), strict=True)
            if platform in verdicts[0].platforms
        ]
    return tuple(rows)


def _machine(platform: str, capability: ComputeCapability) -> Host:
    return Host(platform, (Gpu(0, None, capability, None, OVERRIDE),))


def _row(platform: str, verdicts: tuple[Verdict, ...]) -> Row:
    first = verdicts[0]
    cells = [
        _cell(format_compute_capability(capability), verdict)
        for capability, verdict in zip(CAPABILITIES, verdicts, strict=True)
    ]
    return Row(
        recipe=first.recipe,
        framework=first.framework,
        version=first.version,
        platform=platform,
        pythons=first.pythons,
        cuda_toolkit=first.cuda_toolkit,
        cudnn=first.cudnn,
        source=first.source,
        gpus=tuple(cells),
    )


def _cell(capability: str, verdict: Verdict) -> Cell:
    code = verdict.gpus[0].code if verdict.gpus and verdict.fits else None
    return Cell(capability, code, verdict.driver_min if code else None)
