"""How the machine is set up: a driver that is there and switched off, asleep, held, not licensed or given away."""

from __future__ import annotations

from gpuenv.doctor.consequences import NO_GPU
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.sources import DRIVER_README

_VGPU = "https://docs.nvidia.com/vgpu/latest/grid-vgpu-user-guide/"

MACHINE_RULES = (
    LogRule(
        "driver.prime",
        ("driver.prime",),
        "NVIDIA's module is switched off on this machine, as `prime-select intel` does it, or a file that blacklists "
        "it",
        "run `sudo prime-select on-demand`, or remove what `grep -rE '(alias|blacklist) nvidia' /etc/modprobe.d "
        "/lib/modprobe.d` finds, then restart",
        ("https://github.com/canonical/nvidia-prime/issues/20",),
        confidence="likely",
        order=27,
        explains=(*NO_GPU, "driver.not-built", "driver.adapter"),
    ),
    LogRule(
        "driver.suspend",
        ("driver.suspend",),
        "the driver did not come through the machine's sleep, as its services for that are not switched on",
        "run `sudo systemctl enable nvidia-suspend nvidia-resume nvidia-hibernate`, then restart",
        (DRIVER_README + "powermanagement.html",),
        confidence="likely",
        order=28,
        explains=NO_GPU,
    ),
    LogRule(
        "driver.in-use",
        ("driver.in-use",),
        "the NVIDIA kernel module is in use, so that it can be neither removed nor replaced",
        "run `sudo systemctl isolate multi-user.target`, end what `sudo lsof /dev/nvidia*` names (persistence daemon, "
        "containers, monitoring), then try again; or restart",
        (DRIVER_README + "installdriver.html",),
        order=30,
    ),
    LogRule(
        "driver.vgpu-licence",
        ("driver.vgpu-licence",),
        "the virtual GPU has no licence, and is slowed down or refused after a while",
        "put a fresh client token into `/etc/nvidia/ClientConfigToken`, see that the licence server can be reached, "
        "and run `sudo systemctl restart nvidia-gridd`",
        (
            "https://docs.nvidia.com/vgpu/latest/grid-licensing-user-guide/",
            "https://github.com/NVIDIA/nvidia-docker/issues/1787",
        ),
        confidence="likely",
        order=44,
    ),
    LogRule(
        "driver.vgpu-version",
        ("driver.vgpu-version",),
        "the driver in the virtual machine and the one of its host do not belong together",
        "install in the virtual machine the guest driver of the vGPU release that the host has",
        (_VGPU, "https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html"),
        order=27,
        explains=(*NO_GPU, "driver.adapter"),
    ),
    LogRule(
        "driver.passthrough",
        ("driver.vfio",),
        "the GPU is set aside for a virtual machine: `vfio-pci` has it, so that NVIDIA's driver finds none here",
        "use it in that virtual machine; or remove `vfio-pci.ids=...` from the kernel's command line and from "
        "`/etc/modprobe.d`, then restart",
        ("https://docs.kernel.org/driver-api/vfio.html",),
        confidence="likely",
        order=28,
        when=lambda log: log.has("driver.no-module", "driver.no-device", "cuinit.failed", "library.driver-missing"),
        explains=NO_GPU,
    ),
    LogRule(
        "driver.passthrough",
        ("driver.vfio-failed",),
        "the GPU could not be given to the virtual machine: a driver of the host has it, or the IOMMU is off or "
        "groups it with other devices",
        "switch on VT-d or AMD-Vi in the firmware, give all devices of its group to `vfio-pci`, then restart",
        ("https://docs.kernel.org/driver-api/vfio.html",),
        confidence="likely",
        order=28,
        explains=NO_GPU,
    ),
    LogRule(
        "driver.linux-in-wsl",
        ("library.wsl-driver",),
        "a Linux driver was installed inside WSL: its {library} is found before the one that Windows brings in "
        "`/usr/lib/wsl/lib`",
        "run `sudo apt-get remove --purge 'libnvidia-compute-*' 'nvidia-driver-*'` in WSL, then `wsl --shutdown` in "
        "Windows",
        (
            "https://docs.nvidia.com/cuda/wsl-user-guide/",
            "https://github.com/Genesis-Embodied-AI/genesis-world/issues/114",
        ),
        order=28,
        explains=NO_GPU,
    ),
    LogRule(
        "driver.tcc",
        ("driver.tcc",),
        "the GPU runs in the driver model TCC, and WSL gets only those in WDDM or MCDM",
        "run `nvidia-smi -dm 0` in Windows as administrator where the card allows it, and restart; else use Windows or "
        "Linux itself",
        ("https://docs.nvidia.com/cuda/wsl-user-guide/", "https://github.com/microsoft/WSL/issues/9952"),
        confidence="likely",
        order=28,
        when=lambda log: "wsl" in log.lowered and log.has("driver.no-device", "cuinit.failed", "driver.no-module"),
        explains=NO_GPU,
    ),
)
