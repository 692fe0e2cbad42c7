"""Containers, WSL and clusters: what stands between the machine's GPU and the process."""

from __future__ import annotations

from gpuenv.doctor.consequences import NO_DEVICE, NO_GPU
from gpuenv.doctor.log_rule import LogRule

_TOOLKIT = "https://github.com/NVIDIA/nvidia-container-toolkit/issues/"

CONTAINER_RULES = (
    LogRule(
        "driver.container",
        ("container.no-gpu",),
        "the container gets no GPU from its host: the NVIDIA Container Toolkit or the host's driver is missing",
        "on the host run `nvidia-smi`, install `nvidia-container-toolkit`, then `sudo systemctl restart docker`",
        ("https://github.com/NVIDIA/nvidia-docker/issues/1637", "https://github.com/NVIDIA/nvidia-docker/issues/1034"),
        order=29,
        explains=(*NO_DEVICE, "driver.not-loaded", "driver.no-module"),
    ),
    LogRule(
        "driver.container",
        ("container.no-smi",),
        "`nvidia-smi` works on the machine and is not in the container, which was started without the GPU",
        "start it with `docker run --gpus all`",
        ("https://github.com/iot-salzburg/gpu-jupyter/issues/22",),
        confidence="likely",
        order=90,
        when=lambda log: log.has("container.smi-works") and "docker" in log.text,
    ),
    LogRule(
        "driver.blocked",
        ("driver.blocked",),
        "Windows does not let WSL use the GPU: its driver is too old for WSL, or a container got no GPU",
        "update the NVIDIA driver in Windows, run `wsl --update` and `wsl --shutdown` there",
        ("https://github.com/microsoft/WSL/issues/9962", "https://docs.nvidia.com/cuda/wsl-user-guide/"),
        confidence="likely",
        order=31,
        explains=NO_DEVICE,
    ),
    LogRule(
        "driver.container-lost-gpu",
        ("container.lost-gpu",),
        "the container had a GPU and lost it, as when the host reloads its services (`systemctl daemon-reload`)",
        "restart the container: `docker restart NAME`",
        ("https://github.com/NVIDIA/nvidia-container-toolkit/issues/48",),
        confidence="likely",
        order=31,
        explains=NO_DEVICE,
    ),
    LogRule(
        "container.driver-files",
        ("container.driver-files",),
        "the container's image brings files of a driver ({file}), where the host's have to be mounted",
        "remove them from the image, in its Dockerfile: `RUN rm -f /usr/lib/x86_64-linux-gnu/lib{{cuda,nvidia}}*.so*`",
        (_TOOLKIT + "289", "https://github.com/NVIDIA/nvidia-docker/issues/1699"),
        order=28,
        explains=NO_GPU,
    ),
    LogRule(
        "container.unknown-device",
        ("container.unknown-device",),
        "the container asks for a GPU that this machine does not have: {device}",
        "run `nvidia-smi -L` on the host to see which there are, and name one of them in `--gpus` or "
        "`NVIDIA_VISIBLE_DEVICES`",
        ("libnvidia-container, src/cli/common.c",),
        order=28,
        explains=NO_GPU,
    ),
    LogRule(
        "container.cgroups",
        ("container.cgroups",),
        "the NVIDIA Container Toolkit cannot give a container its devices through this system's control groups",
        "update `nvidia-container-toolkit` (1.8 or newer knows version 2 of control groups), then "
        "`sudo systemctl restart docker`",
        ("https://github.com/NVIDIA/nvidia-docker/issues/1447",),
        order=28,
        explains=NO_GPU,
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
        "container.shared-memory",
        ("container.shared-memory",),
        "the container's shared memory is full, which loaders of data use: docker gives 64 MiB",
        "start it with `docker run --ipc=host ...` or `--shm-size=8g`",
        ("https://github.com/pytorch/pytorch#docker-image",),
        order=47,
    ),
)
