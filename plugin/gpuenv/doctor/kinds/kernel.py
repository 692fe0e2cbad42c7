"""The driver's kernel module."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

# The kernel's own log begins every line of one message with a time and `NVRM:`, the system's with time and host.
_NEXT = r"\s+(?:(?:\w{3}\s+\d+ [\d:]{8}|\d{4}-\S+) \S+ kernel: )?(?:\[[\s\d.]*\]\s+)?(?:NVRM:\s+)?"

KERNEL_KINDS = (
    Kind(
        "driver.no-module",
        (
            r"kernel driver does not appear to be (?:running|installed) on this host",
            r"couldn't communicate with the NVIDIA driver",
            r"nvml error: driver not loaded",
            r"modprobe: FATAL: Module nvidia\S* not found",
            r"could not insert '?nvidia\w*'?: (?:No such device|Exec format error|Invalid argument)",
            r"Failed to initialize NVML: (?:Driver Not Loaded|N/A)|NVMLError_DriverNotLoaded|ERROR_DRIVER_NOT_LOADED",
            r"NVIDIA kernel module (?:missing|not found)|Failed to query NVIDIA devices",
        ),
    ),
    Kind("driver.no-node", (r"no NVIDIA GPU device is present: /dev/nvidia\d+ does not exist",)),
    Kind(
        "driver.permission",
        (
            r"nvml error: insufficient permissions",
            r"Failed to initialize NVML: Insufficient Permissions",
            r"/dev/nv(?:idia|map|host)[\w-]*\W{1,4}(?:Permission denied|Operation not permitted)",
            r"/dev/nv(?:idia|map|host)[\w-]*\W[^\n]{0,60} -1 E(?:PERM|ACCES)\b",
            r"(?:Permission denied|Operation not permitted)\W{1,4}/dev/nvidia[\w-]*",
            r"CUDA_ERROR_NOT_PERMITTED|CUDA_ERROR_OPERATING_SYSTEM|cudaErrorOperatingSystem",
        ),
    ),
    Kind(
        "driver.adapter",
        (
            r"RmInitAdapter failed|rm_init_adapter failed|Cannot initialize GSP firmware",
            r"Unable to determine the device handle for GPU[\da-f:. ]*: (?:Not Found|Unknown Error)",
            r"PCI I/O region assigned to your NVIDIA device is invalid",
            r"nvidia: probe of \S+ failed with error|probe with driver nvidia failed with error",
            r"Direct firmware load for nvidia/[\d.]+/gsp\w*\.bin failed",
            r"has stopped this device because it has reported problems|\(Code 43\)",
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
            r"NVIDIA Corporation[^\n]*(?:\n\s[^\n]*){0,3}?Kernel driver in use: nouveau",
        ),
    ),
    Kind(
        "driver.secure-boot",
        (
            r"could not insert (?:module )?'?[\w./-]*nvidia[\w.-]*'?: (?:Required key not available|"
            r"Key was rejected by service|Operation not permitted)",
            r"Loading of unsigned module is (?:restricted|rejected)|unsigned module loading is restricted",
            r"Loading of module with unavailable key is rejected",
        ),
    ),
    Kind(
        "driver.not-built",
        (
            r"Bad return status for module build on kernel",
            r"Unable to (?:find|locate) the kernel source",
            r"kernel headers for kernel \S+ cannot be found",
            r"error processing package nvidia-(?:[\w.]+-)*dkms",
            r"/var/lib/dkms/nvidia\S*: error: ",
            r"kernel-open/nvidia[\w-]*/[\w.-]+:\d+:\d+: error:|/nvidia(?:-\w+)?/[\w.-]+\.o\] Error \d",
            r"The CC version check failed",
            r"compiler used to compile the kernel \([^\n]{0,120}does not exactly match",
            r"\bnvidia\w*: (?:version magic '|disagrees about version of symbol)",
            r"GPL-incompatible module nvidia|\bnvidia\w*: Unknown symbol",
            r"nvidia-kmod\W+FAILED|kmod-nvidia\S* (?:failed|could not be built)",
            r"Could not resolve Linux kernel version",
            r"ERROR: module not found: '?nvidia",
            r"File: /var/lib/dkms/nvidia\S* does not exist",
            r"performing the step: \W?Building kernel modules?|kernel module through DKMS\. No kernel module",
            r"unrecognized command[- ]line option '-ftrivial-auto-var-init",
            r"Unable to (?:build|load) the (?:(?:NVIDIA |'nvidia-\w+' )?kernel module|'?nvidia\.ko)",
        ),
    ),
)
