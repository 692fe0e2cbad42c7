"""The kinds of events that logs show, with the wordings of TensorFlow 1 and 2, Keras, JAX, PyTorch, CUDA and docker.

The wordings were read in the programs' own sources and in the reports of tests/data/logs, November 2026.
"""

from __future__ import annotations

from gpuenv.doctor.kinds.build import BUILD_KINDS
from gpuenv.doctor.kinds.cluster import CLUSTER_KINDS
from gpuenv.doctor.kinds.code import CODE_KINDS
from gpuenv.doctor.kinds.conda import CONDA_KINDS
from gpuenv.doctor.kinds.container import CONTAINER_KINDS
from gpuenv.doctor.kinds.driver import DRIVER_KINDS
from gpuenv.doctor.kinds.evidence import EVIDENCE_KINDS
from gpuenv.doctor.kinds.gpu import GPU_KINDS
from gpuenv.doctor.kinds.imports import IMPORT_KINDS
from gpuenv.doctor.kinds.install import PIP_KINDS
from gpuenv.doctor.kinds.interpreter import INTERPRETER_KINDS
from gpuenv.doctor.kinds.kernel import KERNEL_KINDS
from gpuenv.doctor.kinds.libraries import LIBRARY_KINDS
from gpuenv.doctor.kinds.machine import MACHINE_KINDS
from gpuenv.doctor.kinds.memory import MEMORY_KINDS
from gpuenv.doctor.kinds.nccl import NCCL_KINDS
from gpuenv.doctor.kinds.outcome import OUTCOME_KINDS
from gpuenv.doctor.kinds.packages import PACKAGE_KINDS
from gpuenv.doctor.kinds.python import PYTHON_KINDS
from gpuenv.doctor.kinds.requirement import REQUIREMENT_KINDS
from gpuenv.doctor.kinds.startup import STARTUP_KINDS
from gpuenv.doctor.kinds.system import SYSTEM_KINDS
from gpuenv.doctor.kinds.windows import WINDOWS_KINDS
from gpuenv.doctor.kinds.xid import XID_KINDS
from gpuenv.doctor.kinds.xla import XLA_KINDS

KINDS = (
    *LIBRARY_KINDS,
    *DRIVER_KINDS,
    *KERNEL_KINDS,
    *MACHINE_KINDS,
    *CONTAINER_KINDS,
    *CLUSTER_KINDS,
    *CODE_KINDS,
    *MEMORY_KINDS,
    *GPU_KINDS,
    *XID_KINDS,
    *NCCL_KINDS,
    *BUILD_KINDS,
    *XLA_KINDS,
    *PYTHON_KINDS,
    *IMPORT_KINDS,
    *PACKAGE_KINDS,
    *INTERPRETER_KINDS,
    *STARTUP_KINDS,
    *PIP_KINDS,
    *REQUIREMENT_KINDS,
    *CONDA_KINDS,
    *WINDOWS_KINDS,
    *SYSTEM_KINDS,
    *OUTCOME_KINDS,
    *EVIDENCE_KINDS,
)
