"""The driver's kernel module, and what a container's runtime or a cluster's scheduler says about GPUs."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

# The kernel's own log begins every line of one message with a time and `NVRM:`.
_NEXT = r"\s+(?:\[[\s\d.]*\]\s+)?(?:NVRM:\s+)?"

KERNEL_KINDS = (
    Kind(
        "driver.permission",
        (
            r"nvml error: insufficient permissions",
            r"Failed to initialize NVML: Insufficient Permissions",
            r"/dev/nvidia[\w-]*\W{1,4}(?:Permission denied|Operation not permitted)",
            r"(?:Permission denied|Operation not permitted)\W{1,4}/dev/nvidia[\w-]*",
            r"CUDA_ERROR_NOT_PERMITTED|CUDA_ERROR_OPERATING_SYSTEM|cudaErrorOperatingSystem",
        ),
    ),
    Kind(
        "driver.adapter",
        (
            r"RmInitAdapter failed|rm_init_adapter failed|Cannot initialize GSP firmware",
            r"Unable to determine the device handle for GPU ?[\da-f:.]*: (?:Not Found|Unknown Error)",
        ),
    ),
    Kind(
        "driver.flavour",
        (
            rf"is{_NEXT}not{_NEXT}supported{_NEXT}by{_NEXT}open{_NEXT}nvidia\.ko",
            rf"requires{_NEXT}use{_NEXT}of{_NEXT}the{_NEXT}NVIDIA{_NEXT}open{_NEXT}kernel{_NEXT}modules",
            r"Open nvidia\.ko is only ready for use on Data Center GPUs",
        ),
    ),
    Kind(
        "driver.too-new",
        (rf"supported{_NEXT}through{_NEXT}the{_NEXT}NVIDIA{_NEXT}(?P<branch>\d+\.xx){_NEXT}Legacy",),
    ),
    Kind(
        "driver.nouveau",
        (
            rf"loaded{_NEXT}and{_NEXT}obtained{_NEXT}ownership{_NEXT}of{_NEXT}the{_NEXT}NVIDIA{_NEXT}device",
            r"Nouveau kernel driver is currently in use",
        ),
    ),
    Kind(
        "driver.secure-boot",
        (
            r"could not insert '?nvidia\w*'?: (?:Required key not available|Key was rejected by service|"
            r"Operation not permitted)",
            r"Loading of unsigned module is (?:restricted|rejected)",
        ),
    ),
    Kind(
        "driver.not-built",
        (
            r"Bad return status for module build on kernel",
            r"Unable to (?:find|locate) the kernel source",
            r"kernel headers for kernel \S+ cannot be found",
            r"Unable to (?:build|load) the (?:NVIDIA kernel module|kernel module|'?nvidia\.ko)",
        ),
    ),
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
    Kind("gpu.mig", (r"\bMIG-(?:GPU-)?[\da-f]{6,}", r"\bMIG \d+g\.\d+gb", r"-MIG-\d+g\.\d+gb")),
    Kind("gpu.mps", (r"CUDA_ERROR_MPS_\w+", r"MPS (?:client|server) (?:failed|is not ready|\w+ terminated)")),
)
