"""Frozen values that cross modules. This package imports nothing else of gpuenv.

Read in the order of the flow: `host` (what is here), `recipe` (what is asked for), `plan` (what shall be done),
`result` (what was done and proven), `event` (what is going on meanwhile).
"""

from gpuenv.model.event import Detail, Event, PhaseDone, PhaseStarted, Progress, Reporter, Warned, silent
from gpuenv.model.host import (
    ComputeCapability,
    Driver,
    Fact,
    Gpu,
    Host,
    Note,
    Overrides,
    PythonInterpreter,
    format_compute_capability,
    parse_compute_capability,
)
from gpuenv.model.plan import (
    Built,
    Choice,
    CudaFiles,
    GpuCode,
    GpuService,
    Lock,
    Package,
    Plan,
    Reason,
    Rejection,
    Request,
)
from gpuenv.model.recipe import Framework, GpuRange, LoadedRecipe, Recipe, Source, Variable
from gpuenv.model.result import CheckResult, CheckStatus, FileKind, Manifest, Receipt, StagedFile

__all__ = [
    "Built",
    "CheckResult",
    "CheckStatus",
    "Choice",
    "ComputeCapability",
    "CudaFiles",
    "Detail",
    "Driver",
    "Event",
    "Fact",
    "FileKind",
    "Framework",
    "Gpu",
    "GpuCode",
    "GpuRange",
    "GpuService",
    "Host",
    "LoadedRecipe",
    "Lock",
    "Manifest",
    "Note",
    "Overrides",
    "Package",
    "PhaseDone",
    "PhaseStarted",
    "Plan",
    "Progress",
    "PythonInterpreter",
    "Reason",
    "Receipt",
    "Recipe",
    "Rejection",
    "Reporter",
    "Request",
    "Source",
    "StagedFile",
    "Variable",
    "Warned",
    "format_compute_capability",
    "parse_compute_capability",
    "silent",
]
