"""All built-in rules. The order numbers say who speaks first when several recognize a log: the narrower cause."""

from __future__ import annotations

from operator import attrgetter

from gpuenv.doctor.gpu_rules import GPU_PATTERNS
from gpuenv.doctor.loader_rules import LOADER_PATTERNS
from gpuenv.doctor.python_rules import PYTHON_PATTERNS
from gpuenv.extension import Rule

RULES: tuple[Rule, ...] = tuple(
    sorted((pattern.rule for pattern in (*LOADER_PATTERNS, *GPU_PATTERNS, *PYTHON_PATTERNS)), key=attrgetter("order"))
)
