"""The driver's kernel module: not loaded, not built, not allowed, of the wrong kind, or without a GPU that starts."""

from __future__ import annotations

from gpuenv.doctor import reason
from gpuenv.doctor.consequences import NO_DEVICE, NO_GPU
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.sources import CONTAINER_TOOLKIT, DRIVER_README, TENSORFLOW

_OPEN_MODULES = "https://github.com/NVIDIA/open-gpu-kernel-modules/issues/"
_MODULE = (*NO_GPU, "driver.adapter")

KERNEL_RULES = (
    LogRule(
        "driver.no-module",
        ("driver.no-module",),
        "the NVIDIA kernel module is not loaded where this ran: no driver is installed, it failed to load, or the "
        "container was started without the GPU",
        "run `gpuenv info` to see what is in the way; for a container, `docker run --gpus all`",
        (TENSORFLOW + "57764", "https://github.com/NVIDIA/nvidia-docker/issues/1034"),
        order=34,
        when=lambda log: (
            reason.driver_matters(log)
            and not log.has("library.driver-missing", "gpu.seen")
            and not reason.cuinit_says(log, "driver.not-loaded")
        ),
        explains=(*NO_DEVICE, "driver.stub"),
    ),
    LogRule(
        "driver.permission",
        ("driver.permission",),
        "the process may not open the GPU's device files `/dev/nvidia*`: their permissions, the container's list of "
        "devices, or SELinux",
        "run `ls -lZ /dev/nvidia*` on the host; for SELinux `sudo setsebool -P container_use_devices 1`, for Podman "
        "`--security-opt=label=disable`",
        (CONTAINER_TOOLKIT + "33", CONTAINER_TOOLKIT + "210", "https://github.com/NVIDIA/gpu-operator/issues/679"),
        confidence="likely",
        order=28,
        explains=NO_GPU,
    ),
    LogRule(
        "driver.flavour",
        ("driver.flavour",),
        "the kernel module of the other kind is needed for this GPU: NVIDIA's open one knows Turing and newer only, "
        "and Blackwell and newer know the open one only",
        "install the other of the two: `sudo apt install nvidia-driver-550` or `nvidia-driver-570-open`, then restart",
        (_OPEN_MODULES + "322", _OPEN_MODULES + "696", DRIVER_README + "kernel_open.html"),
        order=28,
        explains=_MODULE,
    ),
    LogRule(
        "driver.too-new",
        ("driver.too-new",),
        "the driver is too new for this GPU, which the branch {branch} is the last one to know",
        "install the driver of that branch: `sudo ubuntu-drivers list` names it",
        (DRIVER_README + "supportedchips.html",),
        order=28,
        explains=_MODULE,
    ),
    LogRule(
        "driver.nouveau",
        ("driver.nouveau",),
        "another kernel driver, most often nouveau, has the GPU, so that NVIDIA's finds none",
        "run `echo 'blacklist nouveau' | sudo tee /etc/modprobe.d/nouveau.conf` and `sudo update-initramfs -u`, "
        "then restart",
        ("https://github.com/mattshma/bigdata/issues/133", DRIVER_README + "commonproblems.html"),
        confidence="likely",
        order=28,
        explains=_MODULE,
    ),
    LogRule(
        "driver.secure-boot",
        ("driver.secure-boot",),
        "Secure Boot does not let the kernel load NVIDIA's module, which is not signed with a key that it knows",
        "run `sudo mokutil --import /var/lib/shim-signed/mok/MOK.der` and restart, or switch Secure Boot off",
        (DRIVER_README + "installdriver.html",),
        order=28,
        explains=_MODULE,
    ),
    LogRule(
        "driver.not-built",
        ("driver.not-built",),
        "the NVIDIA kernel module could not be built or loaded for the kernel that runs",
        "run `sudo apt install linux-headers-$(uname -r)` and `sudo dkms autoinstall`, then restart",
        (DRIVER_README + "commonproblems.html",),
        confidence="likely",
        order=29,
        explains=_MODULE,
    ),
    LogRule(
        "driver.adapter",
        ("driver.adapter",),
        "the kernel module sees the GPU and cannot start it: power, the slot, the firmware's settings, or a driver "
        "that does not know it",
        "run `sudo dmesg | grep NVRM`; switch on Above 4G Decoding in the firmware, update the driver, reseat the card",
        (_OPEN_MODULES + "789", _OPEN_MODULES + "862"),
        confidence="likely",
        order=33,
        explains=NO_GPU,
    ),
)
