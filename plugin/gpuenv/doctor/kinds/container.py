"""What a container's runtime, WSL or a cluster's scheduler says about GPUs."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

CONTAINER_KINDS = (
    Kind(
        "container.no-gpu",
        (
            r"could not select device driver",
            r"nvidia-container-cli(?:\.real)?: (?!requirement|ldcache)\w+ error: (?P<error>[^\n]{0,120})",
            r"Unknown runtime specified nvidia|unknown or invalid runtime name: nvidia",
            r"nvidia-container-runtime\W[^\n]{0,40}(?:not found|no such file)",
            r"nvidia-container-runtime-hook\W{1,4}executable file not found",
            r"adding custom device \W?/dev/nvidia\S*: no such file|Error: stat /dev/nvidia\S*: no such file",
            r"error while loading shared libraries: (?P<error>libnvidia-container\S*)",
            r"The NVIDIA Driver was not detected",
            r"Incompatible (?:device discovery )?strategy detected auto",
        ),
    ),
    Kind("container.ldcache", (r"nvidia-container-cli(?:\.real)?: ldcache error: (?P<error>[^\n]{0,80})",)),
    Kind(
        "container.kubernetes",
        (
            r"exec: \W{0,2}nvidia-smi\W{0,3} executable file not found",
            r"no runtime for \W{0,2}nvidia\W{0,2} is configured",
            r"RuntimeClass \W{0,2}nvidia\W{0,2} not found",
            r"No devices found\. Waiting indefinitely",
            r"did you set the docker default runtime to \W?nvidia",
            r"did you configure the NVIDIA Container Toolkit",
        ),
    ),
    Kind(
        "container.apptainer",
        (
            r"Could not find any nv (?:files|libraries|binaries) on this host",
            r"Command not found: nvidia-container-cli",
            r"98-nvidia\.sh exited with return code",
            r"nvidia-container-cli\W{1,4}(?:executable file )?not found",
        ),
    ),
    Kind(
        "container.cdi",
        (
            r"unresolvable CDI devices (?P<device>nvidia\.com/\S+)",
            r"failed to discover GPU vendor from CDI",
            r"CDI device injection failed",
            r"cannot stat \W?[\w./-]*/(?P<device>(?:libcuda|libnvidia|nvidia-)[\w.-]*)\W{1,3}No such file",
            r"error mounting \W?[\w./-]*/(?P<device>(?:libcuda|libnvidia|nvidia-)[\w.-]*)\W[^\n]*no such file",
            r"failed to inject CDI devices",
            r"failed to stat CDI host device \W{0,2}(?P<device>[^\s\"']+)",
        ),
    ),
    Kind(
        "container.platform",
        (
            r"requested image's platform \((?P<image>[\w/]+)\) does not match the detected host "
            r"platform \((?P<host>[\w/]+)",
            r"no matching manifest for (?P<host>[\w/]+) in the manifest list",
            r"image with reference \S+ was found but (?:its|does not match the specified) platform",
        ),
    ),
    Kind(
        "container.jetson",
        (r"NvRmMemInit(?:Nvmap)? failed", r"NvRmMemMgrInit failed", r"NvRmGpuLibOpen failed"),
    ),
    Kind("container.hook", (r"invoking the NVIDIA Container Runtime Hook directly",)),
    Kind(
        "container.docker-old",
        (
            r"unknown flag: --gpus",
            r"Additional property (?:devices|gpus|device_requests) is not allowed",
            r"Additional properties are not allowed \('(?:devices|gpus)' was unexpected\)",
            r"Unsupported config option[^\n]{0,60}'?(?:runtime|devices|gpus)'?",
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
            r"NCCL WARN Call to (?:posix_f|f)(?:allocate|truncate) failed\s?: No space left",
            r"Error while creating shared memory segment \S*nccl",
        ),
    ),
    Kind("container.lost-gpu", (r"Failed to initialize NVML: Unknown Error",)),
    Kind(
        "container.driver-files",
        (r"mount error: file creation failed: \S*?(?P<file>lib(?:cuda|nvidia-[\w-]+)\.so[\w.]*): file exists",),
    ),
    Kind(
        "container.unknown-device",
        (r"nvidia-container-cli(?:\.real)?: device error: '?(?P<device>[^\s:']+)'?: unknown device",),
    ),
    Kind(
        "container.cgroups",
        (
            r"cgroup subsystem devices not found",
            r"failed to get device cgroup mount path",
            r"bpf_prog_query\(BPF_CGROUP_DEVICE\) failed",
        ),
    ),
)
