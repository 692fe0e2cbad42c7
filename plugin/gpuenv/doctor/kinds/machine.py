"""How the machine is set up: laptops with two GPUs, sleep, virtual machines, licences, and who holds the module."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

MACHINE_KINDS = (
    Kind(
        "driver.prime",
        (
            r"could not find module by name='off'",
            r"could not insert '?off'?:",
            r"\balias nvidia[\w-]* off\b",
            r"prime-select query\s+intel\b",
            r"\bblacklist nvidia\b|modprobe\.blacklist=(?:\w+,)*nvidia\b",
            r"envycontrol (?:-q|--query)\s+integrated\b",
        ),
    ),
    # GPUs that are not NVIDIA's, as `lspci` and programs name them.
    Kind(
        "gpu.other-vendor",
        (
            r"(?:VGA compatible|Display|3D) controller: (?P<vendor>Advanced Micro Devices|Intel Corporation)",
            r"\bAMD (?P<vendor>Radeon) (?:RX|Pro|VII|Vega|Graphics)|\[Radeon ",
            r"\bgfx(?:90[0-9a]|94\d|10\d\d|11\d\d|12\d\d)\b",
        ),
    ),
    Kind(
        "driver.suspend",
        (
            r"System Power Management attempted without driver procfs suspend",
            r"nv_pmops_(?:suspend|resume|freeze|thaw)\S* \[nvidia\] returns -\d",
            r"nvidia \S+: PM: failed to (?:suspend|resume|freeze|thaw)",
            r"nvidia-(?:suspend|resume|hibernate)\.service: (?:Failed|Main process exited)",
        ),
    ),
    Kind(
        "driver.in-use",
        (
            r"NVIDIA kernel module '?nvidia[\w-]*'? appears to (?:already be|be already) loaded",
            r"Module nvidia\w* is in use",
            r"appear to be running an X server; please exit X",
        ),
    ),
    Kind(
        "driver.vgpu-licence",
        (
            r"License Status : (?:Unlicensed(?! \(Unrestricted)|Expired)",
            r"nvidia-gridd\S* (?:License expired|Failed to (?:acquire|renew))",
            r"Failed to (?:acquire|acquire/renew|renew) license from",
            r"Valid GRID license not found",
        ),
    ),
    Kind(
        "driver.vgpu-version",
        (r"Incompatible Guest/Host drivers", r"Guest VGX version is \w+ than", r"NVRM: Xid \([^)\n]*\): 78\b"),
    ),
    Kind("driver.vfio", (r"NVIDIA Corporation[^\n]*(?:\n\s[^\n]*){0,3}?Kernel driver in use: vfio-pci",)),
    Kind(
        "driver.vfio-failed",
        (
            r"vfio\S* \S+: (?:BAR \d+: can't reserve|Unable to map|failed to setup)",
            r"vfio[^\n]{0,60}group \d+ is not viable",
            r"vfio[^\n]{0,80}No IOMMU",
            r"failed to setup container for group \d+",
        ),
    ),
    Kind(
        "library.wsl-driver",
        (
            r"=> (?P<library>(?:/usr)?/lib/\w+-linux-gnu/libcuda\.so\.1)\n(?:[^\n]*\n){0,3}?"
            r"[^\n]*=> /usr/lib/wsl/lib/libcuda",
        ),
    ),
    Kind("driver.tcc", (r"\bTCC +\|",)),
)
