"""Several GPUs that talk to each other."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

NCCL_KINDS = (
    Kind(
        "nccl.failed",
        (
            r"(?P<error>nccl(?:System|UnhandledCuda|Internal|Remote)Error)",
            r"NCCL (?:communicator was aborted|error in)",
            r"NCCL WARN (?P<error>[^\n]{0,80})",
            r"(?P<error>nccl\w+) failed: unhandled \w+ error",
            r"Watchdog caught collective operation timeout",
        ),
    ),
    Kind("gpu.peers", (r"CUDA_ERROR_TOO_MANY_PEERS|cudaErrorTooManyPeers|peer mapping resources exhausted",)),
)
