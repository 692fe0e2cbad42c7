"""What a container's runtime, WSL or a cluster's scheduler says about GPUs."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

CONTAINER_KINDS = (
    Kind(
        "container.no-gpu",
        (
            r"could not select device driver \"?'?\w*\"?'? with capabilities: \[\[\W?\w*\W?\s?\W?gpu",
            r"nvidia-container-cli(?:\.real)?: (?!requirement)\w+ error: (?P<error>[^\n]{0,120})",
            r"Unknown runtime specified nvidia|unknown or invalid runtime name: nvidia",
            r"nvidia-container-runtime\W[^\n]{0,40}(?:not found|no such file)",
            r"unresolvable CDI devices nvidia\.com/gpu",
            r"The NVIDIA Driver was not detected",
            r"Incompatible (?:device discovery )?strategy detected auto",
        ),
    ),
    Kind("container.no-smi", (r"nvidia-smi: (?:command )?not found",)),
    Kind("container.smi-works", (r"NVIDIA-SMI [\d.]+ +Driver Version",)),
    Kind("driver.blocked", (r"GPU access blocked by the operating system",)),
    Kind(
        "container.shared-memory",
        (
            r"out of shared memory\. Please try to raise your shared memory limit",
            r"insufficient shared memory \(shm\)",
            r"unable to (?:write to|mmap)[^\n]{0,120}/torch_[^\n]{0,80}No space left",
        ),
    ),
    Kind("container.lost-gpu", (r"Failed to initialize NVML: Unknown Error",)),
    Kind(
        "container.driver-files",
        (r"mount error: file creation failed: \S*?(?P<file>lib(?:cuda|nvidia-[\w-]+)\.so[\w.]*): file exists",),
    ),
    Kind(
        "container.unknown-device",
        (
            r"nvidia-container-cli(?:\.real)?: device error: '?(?P<device>[^\s:']+)'?: unknown device",
            r"unresolvable CDI devices nvidia\.com/gpu=(?P<device>(?!all\b)[\w:.-]+)",
        ),
    ),
    Kind(
        "container.cgroups",
        (
            r"cgroup subsystem devices not found",
            r"failed to get device cgroup mount path",
            r"bpf_prog_query\(BPF_CGROUP_DEVICE\) failed",
        ),
    ),
    Kind(
        "cluster.full",
        (
            r"Insufficient nvidia\.com/(?P<resource>[\w.-]+)",
            r"Invalid generic resource \(gres\) specification",
            r"Requested node configuration is not available",
        ),
    ),
)
