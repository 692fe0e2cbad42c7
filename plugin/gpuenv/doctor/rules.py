"""All built-in rules. The order numbers say who speaks first when several recognize a log.

1 to 19 end the import, 20 to 29 are narrow, 30 to 39 keep a GPU from being seen, 40 to 62 from computing, above 85 are
signs that another rule often explains.
"""

from __future__ import annotations

from operator import attrgetter

from gpuenv.doctor.build_rules import BUILD_RULES
from gpuenv.doctor.cluster_rules import CLUSTER_RULES
from gpuenv.doctor.code_rules import CODE_RULES
from gpuenv.doctor.conda_rules import CONDA_RULES
from gpuenv.doctor.container_rules import CONTAINER_RULES
from gpuenv.doctor.cudnn_rules import CUDNN_RULES
from gpuenv.doctor.driver_rules import DRIVER_RULES
from gpuenv.doctor.environment_rules import LIBRARY_ENVIRONMENT_RULES
from gpuenv.doctor.gpu_rules import GPU_RULES
from gpuenv.doctor.host_rules import HOST_RULES
from gpuenv.doctor.import_rules import IMPORT_RULES
from gpuenv.doctor.install_rules import INSTALL_RULES
from gpuenv.doctor.interpreter_rules import INTERPRETER_RULES
from gpuenv.doctor.kernel_rules import KERNEL_RULES
from gpuenv.doctor.loader_rules import LOADER_RULES
from gpuenv.doctor.machine_rules import MACHINE_RULES
from gpuenv.doctor.memory_rules import MEMORY_RULES
from gpuenv.doctor.model_rules import MODEL_RULES
from gpuenv.doctor.nccl_rules import NCCL_RULES
from gpuenv.doctor.outcome_rules import OUTCOME_RULES
from gpuenv.doctor.package_rules import PACKAGE_ENVIRONMENT_RULES
from gpuenv.doctor.python_rules import PYTHON_RULES
from gpuenv.doctor.requirement_rules import REQUIREMENT_RULES
from gpuenv.doctor.startup_rules import STARTUP_RULES
from gpuenv.doctor.system_rules import SYSTEM_RULES
from gpuenv.doctor.version_rules import VERSION_RULES
from gpuenv.doctor.windows_rules import WINDOWS_RULES
from gpuenv.doctor.xid_rules import XID_RULES
from gpuenv.extension import Rule

LOG_RULES = (
    *CUDNN_RULES,
    *LOADER_RULES,
    *DRIVER_RULES,
    *KERNEL_RULES,
    *MACHINE_RULES,
    *CONTAINER_RULES,
    *CLUSTER_RULES,
    *CODE_RULES,
    *MEMORY_RULES,
    *GPU_RULES,
    *XID_RULES,
    *NCCL_RULES,
    *BUILD_RULES,
    *PYTHON_RULES,
    *IMPORT_RULES,
    *SYSTEM_RULES,
    *VERSION_RULES,
    *MODEL_RULES,
    *INTERPRETER_RULES,
    *STARTUP_RULES,
    *INSTALL_RULES,
    *REQUIREMENT_RULES,
    *CONDA_RULES,
    *WINDOWS_RULES,
    *OUTCOME_RULES,
)
ENVIRONMENT_RULES = (*LIBRARY_ENVIRONMENT_RULES, *PACKAGE_ENVIRONMENT_RULES)
RULES: tuple[Rule, ...] = tuple(
    sorted((*(it.rule for it in LOG_RULES), *ENVIRONMENT_RULES, *HOST_RULES), key=attrgetter("order"))
)
