"""What XLA needs to make code: libdevice and ptxas."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

XLA_KINDS = (
    Kind(
        "xla.libdevice",
        (
            r"libdevice not found at",
            r"Can't find libdevice directory",
            r"libdevice\.10\.bc[^\n]*(?:not found|No such file)",
            r"libdevice is required by this HLO module but was not found",
        ),
    ),
    Kind(
        "xla.ptxas-old",
        (
            r"ptxas fatal\s*: Value '(?P<gpu>sm_\w+)' is not defined for option 'gpu-name'",
            r"ptxas too old",
            r"You are using ptxas (?P<version>[\d.]*\d), which is older than",
            r"ptxas fatal\s*: Unsupported \.version",
            r"nvcc fatal\s*: Unsupported gpu architecture '(?P<gpu>\w+)'",
        ),
    ),
    Kind(
        "xla.unsupported",
        (
            r"Detected unsupported operations when trying to compile graph \S+ on XLA_\w+: (?P<operation>\w+)",
            r"No registered '(?P<operation>\w+)' OpKernel for XLA_\w+ devices",
        ),
    ),
    Kind("xla.no-config", (r"Autotuner could not compile any configs for HLO",)),
    Kind(
        "xla.ptxas-missing",
        (
            r"could(?:n't| not) (?:get|invoke|find|run) (?:`?'?)ptxas",
            r"ptxas exited with non-zero error code",
            r"Failed to launch ptxas",
            r"Couldn't find a suitable version of ptxas",
            r"Not found: \S*ptxas not found",
            r"No PTX compilation provider",
        ),
    ),
)
