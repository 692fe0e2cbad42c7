"""Containers and WSL: what stands between the machine's GPU and the process."""

from __future__ import annotations

from gpuenv.doctor.consequences import NO_DEVICE, NO_GPU
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.sources import CONTAINER_TOOLKIT

CONTAINER_RULES = (
    LogRule(
        "container.platform",
        ("container.platform",),
        "the image ({image}) is made for another kind of processor than this machine ({host}) has, "
        "where it does not run, or emulated and without a GPU",
        "take the image's build for this machine: `docker pull --platform linux/amd64`, on a Jetson `linux/arm64` of "
        "an image for L4T",
        (
            "https://github.com/dusty-nv/jetson-containers/issues/125",
            "https://docs.docker.com/build/building/multi-platform/",
        ),
        confidence="likely",
        order=29,
        when=lambda log: not log.has("gpu.created"),
        explains=(*NO_GPU, "loader.broken-file"),
    ),
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
        ("container.ldcache",),
        "the NVIDIA Container Toolkit could not update the container's list of libraries: {error}",
        'in `/etc/nvidia-container-runtime/config.toml` set `ldconfig = "@/sbin/ldconfig"` (`.real` on Ubuntu only), '
        "and update `nvidia-container-toolkit`",
        ("https://github.com/NVIDIA/nvidia-docker/issues/614", "libnvidia-container, src/nvc_ldcache.c"),
        order=29,
        explains=(*NO_DEVICE, "driver.not-loaded", "driver.no-module"),
    ),
    LogRule(
        "driver.container",
        ("container.kubernetes",),
        "the pod runs without NVIDIA's container runtime, so that it gets no driver and no GPU from its node",
        "put `runtimeClassName: nvidia` and a limit of `nvidia.com/gpu: 1` into its specification; on the node run "
        "`sudo nvidia-ctk runtime configure --runtime=containerd --set-as-default` and restart containerd",
        ("https://github.com/NVIDIA/k8s-device-plugin#prerequisites", "https://github.com/mudler/LocalAI/issues/2117"),
        confidence="likely",
        order=29,
        explains=(*NO_DEVICE, "driver.not-loaded", "driver.no-module", "cluster.full"),
    ),
    LogRule(
        "driver.container",
        ("container.apptainer",),
        "the container gets no GPU: its runtime (Apptainer, Enroot) found no NVIDIA driver or toolkit on this node",
        "run `nvidia-smi` on the same node; ask the scheduler for a GPU, and its administrator for "
        "`libnvidia-container-tools`",
        ("https://apptainer.org/docs/user/latest/gpu.html", "https://github.com/NVIDIA/enroot/tree/master/conf/hooks"),
        confidence="likely",
        order=29,
        explains=(*NO_DEVICE, "driver.not-loaded", "driver.no-module"),
    ),
    LogRule(
        "container.cdi",
        ("container.cdi",),
        "the description of the GPUs for containers (CDI) is missing on this machine, is from before an update of its "
        "driver, or does not name this one ({device})",
        "install `nvidia-container-toolkit`, run `sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`, then "
        "`nvidia-ctk cdi list`",
        (
            "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/cdi-support.html",
            "https://github.com/warmshao/FasterLivePortrait/issues/116",
        ),
        order=28,
        explains=(*NO_GPU, "driver.container"),
    ),
    LogRule(
        "container.jetson",
        ("container.hook",),
        "docker's `--gpus` does not go with the way NVIDIA's container runtime is set up here, as on every Jetson",
        "start it with `docker run --runtime nvidia ...` and without `--gpus`; the `mode` is in "
        "`/etc/nvidia-container-runtime/config.toml`",
        ("https://github.com/NVIDIA/TensorRT-LLM/issues/799",),
        order=27,
        explains=(*NO_GPU, "container.cdi"),
    ),
    LogRule(
        "container.jetson",
        ("container.jetson",),
        "the GPU of this Jetson cannot be opened: the container's image is not made for the JetPack of the machine, "
        "it was started without NVIDIA's runtime, or the user is not in the group `video`",
        "take an image of the L4T release that `cat /etc/nv_tegra_release` names, with `docker run --runtime nvidia`; "
        "outside of containers `sudo usermod -aG video $USER`",
        ("https://github.com/dusty-nv/jetson-containers/issues/384",),
        confidence="likely",
        order=28,
        explains=NO_GPU,
    ),
    LogRule(
        "container.docker-old",
        ("container.docker-old",),
        "docker or docker compose is too old to give a container a GPU",
        "install docker 19.03 or newer with the plug-in `docker compose`, and write `docker compose` for "
        "`docker-compose`",
        ("https://docs.docker.com/compose/how-tos/gpu-support/", "https://docs.docker.com/engine/containers/gpu/"),
        order=28,
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
        (CONTAINER_TOOLKIT + "289", "https://github.com/NVIDIA/nvidia-docker/issues/1699"),
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
        "update `nvidia-container-toolkit` (1.8 or newer knows version 2 of control groups), then `sudo systemctl "
        "restart docker`",
        ("https://github.com/NVIDIA/nvidia-docker/issues/1447",),
        order=28,
        explains=NO_GPU,
    ),
    LogRule(
        "container.shared-memory",
        ("container.shared-memory",),
        "the container's shared memory is full, which loaders of data use: docker gives 64 MiB",
        "start it with `docker run --ipc=host ...` or `--shm-size=8g`",
        ("https://github.com/pytorch/pytorch#docker-image",),
        order=47,
        explains=("nccl.failed", "system.disk-full"),
    ),
)
