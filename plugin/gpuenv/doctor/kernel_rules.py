"""The driver's kernel module, containers and clusters: what stands between a GPU and the machine or the process."""

from __future__ import annotations

from gpuenv.doctor.log_rule import LogRule

_OPEN_MODULES = "https://github.com/NVIDIA/open-gpu-kernel-modules/issues/"
_TOOLKIT = "https://github.com/NVIDIA/nvidia-container-toolkit/issues/"
_CUDA_ERRORS = "CUDA driver API, enum CUresult, https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html"
_README = "NVIDIA driver README, https://us.download.nvidia.com/XFree86/Linux-x86_64/550.144.03/README/"
# What follows where the kernel has no working GPU to offer.
_NO_GPU = (
    "driver.no-module",
    "driver.no-device",
    "driver.not-loaded",
    "driver.cuinit",
    "driver.container",
    "loader.some-missing",
    "loader.no-cuda",
    "gpu.not-registered",
    "gpu.crashed",
)
_MODULE = (*_NO_GPU, "driver.adapter")

KERNEL_RULES = (
    LogRule(
        "driver.permission",
        ("driver.permission",),
        "the process may not open the GPU's device files `/dev/nvidia*`: their permissions, the container's list of "
        "devices, or SELinux",
        "run `ls -lZ /dev/nvidia*` on the host; for SELinux `sudo setsebool -P container_use_devices 1`, for Podman "
        "`--security-opt=label=disable`",
        (_TOOLKIT + "33", _TOOLKIT + "210", "https://github.com/NVIDIA/gpu-operator/issues/679"),
        confidence="likely",
        order=28,
        explains=_NO_GPU,
    ),
    LogRule(
        "driver.flavour",
        ("driver.flavour",),
        "the kernel module of the other kind is needed for this GPU: NVIDIA's open one knows Turing and newer only, "
        "and Blackwell and newer know the open one only",
        "install the other of the two: `sudo apt install nvidia-driver-550` or `nvidia-driver-570-open`, then restart",
        (_OPEN_MODULES + "322", _OPEN_MODULES + "696", _README + "kernel_open.html"),
        order=28,
        explains=_MODULE,
    ),
    LogRule(
        "driver.too-new",
        ("driver.too-new",),
        "the driver is too new for this GPU, which the branch {branch} is the last one to know",
        "install the driver of that branch: `sudo ubuntu-drivers list` names it",
        (_README + "supportedchips.html",),
        order=28,
        explains=_MODULE,
    ),
    LogRule(
        "driver.nouveau",
        ("driver.nouveau",),
        "another kernel driver, most often nouveau, has the GPU, so that NVIDIA's finds none",
        "run `echo 'blacklist nouveau' | sudo tee /etc/modprobe.d/nouveau.conf` and `sudo update-initramfs -u`, "
        "then restart",
        ("https://github.com/mattshma/bigdata/issues/133", _README + "commonproblems.html"),
        confidence="likely",
        order=28,
        explains=_MODULE,
    ),
    LogRule(
        "driver.secure-boot",
        ("driver.secure-boot",),
        "Secure Boot does not let the kernel load NVIDIA's module, which is not signed with a key that it knows",
        "run `sudo mokutil --import /var/lib/shim-signed/mok/MOK.der` and restart, or switch Secure Boot off",
        (_README + "installdriver.html",),
        order=28,
        explains=_MODULE,
    ),
    LogRule(
        "driver.not-built",
        ("driver.not-built",),
        "the NVIDIA kernel module could not be built or loaded for the kernel that runs",
        "run `sudo apt install linux-headers-$(uname -r)` and `sudo dkms autoinstall`, then restart",
        (_README + "commonproblems.html",),
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
        explains=_NO_GPU,
    ),
    LogRule(
        "container.driver-files",
        ("container.driver-files",),
        "the container's image brings files of a driver ({file}), where the host's have to be mounted",
        "remove them from the image, in its Dockerfile: `RUN rm -f /usr/lib/x86_64-linux-gnu/lib{{cuda,nvidia}}*.so*`",
        (_TOOLKIT + "289", "https://github.com/NVIDIA/nvidia-docker/issues/1699"),
        order=28,
        explains=_NO_GPU,
    ),
    LogRule(
        "container.unknown-device",
        ("container.unknown-device",),
        "the container asks for a GPU that this machine does not have: {device}",
        "run `nvidia-smi -L` on the host to see which there are, and name one of them in `--gpus` or "
        "`NVIDIA_VISIBLE_DEVICES`",
        ("libnvidia-container, src/cli/common.c",),
        order=28,
        explains=_NO_GPU,
    ),
    LogRule(
        "container.cgroups",
        ("container.cgroups",),
        "the NVIDIA Container Toolkit cannot give a container its devices through this system's control groups",
        "update `nvidia-container-toolkit` (1.8 or newer knows version 2 of control groups), then "
        "`sudo systemctl restart docker`",
        ("https://github.com/NVIDIA/nvidia-docker/issues/1447",),
        order=28,
        explains=_NO_GPU,
    ),
    LogRule(
        "cluster.full",
        ("cluster.full",),
        "the cluster has no node that offers the GPU that was asked for: all are taken, or no node announces any",
        "run `kubectl describe nodes | grep nvidia.com/gpu`, or for Slurm `sinfo -o '%N %G'`",
        ("https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/", "https://slurm.schedmd.com/gres.html"),
        order=29,
    ),
    LogRule(
        "gpu.mig",
        ("gpu.mig",),
        "the GPU is cut into instances (MIG), of which a process sees one, and none when it asks for another",
        "run `nvidia-smi -L` and `export CUDA_VISIBLE_DEVICES=MIG-...` with one name of that list",
        (
            "https://docs.nvidia.com/datacenter/tesla/mig-user-guide/",
            "https://github.com/mlcommons/training/issues/442",
        ),
        confidence="likely",
        order=36,
        when=lambda log: log.has("driver.no-device", "gpu.ordinal"),
        explains=("driver.no-device", "driver.cuinit", "gpu.wrong-index", "gpu.not-registered"),
    ),
    LogRule(
        "gpu.mps",
        ("gpu.mps",),
        "the process could not join CUDA's service for sharing a GPU (MPS), whose daemon is gone, or another user's",
        "run `echo quit | nvidia-cuda-mps-control`, or `unset CUDA_MPS_PIPE_DIRECTORY`",
        (_CUDA_ERRORS, "https://docs.nvidia.com/deploy/mps/"),
        order=45,
        explains=("gpu.any-error", "driver.cuinit"),
    ),
)
