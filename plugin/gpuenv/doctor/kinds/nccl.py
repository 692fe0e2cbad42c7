"""Several GPUs that talk to each other."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

NCCL_KINDS = (
    Kind(
        "nccl.failed",
        (
            r"(?P<error>nccl(?:System|UnhandledCuda|Internal|Remote)Error)",
            r"NCCL (?:communicator was aborted|error in)",
            r"NCCL WARN (?!Failed to open libibverbs)(?P<error>[^\n]{0,80})",
            r"(?P<error>nccl\w+) failed: unhandled \w+ error",
            r"\b(?P<error>unhandled (?:cuda|system) error)",
            r"(?P<error>ncclInvalid(?:Usage|Argument))",
            r"Watchdog caught collective operation timeout",
        ),
    ),
    Kind("nccl.same-gpu", (r"Duplicate GPU detected\s?: rank \d+ and rank \d+ both on CUDA device",)),
    Kind(
        "nccl.network",
        (
            r"NCCL WARN[^\n]{0,40}no (?:socket )?interface found",
            r"NCCL WARN[^\n]{0,60}(?P<error>Connection (?:refused|timed out|reset by peer|closed by remote peer)|"
            r"No route to host)",
            r"NCCL WARN[^\n]{0,60}\b(?P<error>ibv_\w+) failed",
            r"NCCL WARN NET/IB[^\n]{0,40}Got completion[^\n]{0,60}(?P<error>(?:error|status=)\s?\d+)",
        ),
    ),
    Kind(
        "nccl.peer",
        (
            r"peer access is not supported between these two devices",
            r"CUDA_ERROR_PEER_ACCESS_UNSUPPORTED|cudaErrorPeerAccessUnsupported",
        ),
    ),
    # The kernel's words about a device that writes where it may not: Intel's IOMMU, and AMD's.
    Kind(
        "nccl.iommu",
        (
            r"DMAR: \[DMA (?:Write|Read)[^\n]{0,80}Request device[^\n]{0,80}fault addr",
            r"AMD-Vi: Event logged \[IO_PAGE_FAULT",
        ),
    ),
    Kind("nccl.multicast", (r"NVLink SHARP \(NVLS\) Multicast memory|NCCL WARN[^\n]{0,60}\bnvls\b",)),
    Kind("nccl.versions", (r"Mismatched NCCL version detected",)),
    Kind(
        "nccl.not-built",
        (
            r"Distributed package doesn't have NCCL built in",
            r"No OpKernel was registered to support Op '(?:Nccl|_Nccl)\w+'",
            r"No registered '_?Nccl\w+' OpKernel",
        ),
    ),
    Kind("gpu.peers", (r"CUDA_ERROR_TOO_MANY_PEERS|cudaErrorTooManyPeers|peer mapping resources exhausted",)),
)
