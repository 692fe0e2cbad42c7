"""The driver, and what stands between it and the process: kernel module, container, environment variables."""

from __future__ import annotations

from gpuenv.doctor import reason
from gpuenv.doctor.event import Log
from gpuenv.doctor.log_rule import LogRule

_TF = "https://github.com/tensorflow/tensorflow/issues/"
_CUDA_ERRORS = "CUDA driver API, enum CUresult, https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html"
_NO_GPU_THEN = (
    "driver.cuinit",
    "driver.no-device",
    "loader.some-missing",
    "loader.no-cuda",
    "gpu.not-registered",
    "cudnn.not-started",
)


def _matters(log: Log) -> bool:
    """Say whether a driver that does not work is a failure: not where no GPU is, nor where one was used after all."""
    return not reason.has_no_gpu(log) and not reason.works_in_the_end(log)


DRIVER_RULES = (
    LogRule(
        "driver.mismatch",
        ("driver.mismatch", "driver.kernel-version", "cuinit.failed"),
        "the driver's kernel module and its libraries have different versions, as after an update without a restart",
        "run `sudo reboot`; in a container, remove its own `libcuda.so.1`",
        (_TF + "4768", _TF + "22525", _CUDA_ERRORS),
        order=30,
        when=lambda log: (
            log.has("driver.mismatch")
            or reason.driver_versions_differ(log)
            or reason.cuinit_says(log, "driver.mismatch")
        ),
        explains=(*_NO_GPU_THEN, "driver.compat-package", "driver.too-old", "driver.no-module"),
    ),
    LogRule(
        "driver.compat-package",
        ("driver.compat", "cuinit.failed"),
        "a `libcuda.so.1` of the package cuda-compat is used, which works on data-centre GPUs only; or the driver was "
        "updated without a restart",
        "run `unset LD_LIBRARY_PATH` if it names a `compat` directory, update the driver, then `gpuenv verify`",
        (_TF + "4349", _CUDA_ERRORS),
        order=31,
        when=lambda log: log.has("driver.compat") or reason.cuinit_says(log, "driver.compat"),
        explains=_NO_GPU_THEN,
    ),
    LogRule(
        "driver.fabric-manager",
        ("driver.fabric", "cuinit.failed"),
        "the GPUs of this machine are joined by NVSwitch and wait for the fabric manager, which does not run",
        "run `sudo systemctl start nvidia-fabricmanager` (the package has the driver's version)",
        ("https://github.com/pytorch/pytorch/issues/35710", _CUDA_ERRORS),
        order=31,
        when=lambda log: log.has("driver.fabric") or reason.cuinit_says(log, "driver.fabric"),
        explains=_NO_GPU_THEN,
    ),
    LogRule(
        "driver.too-old",
        ("driver.too-old", "cuinit.failed"),
        "the NVIDIA driver is older than this CUDA needs",
        "run `gpuenv create --dry-run` to see which driver it needs, and update the driver",
        (_TF + "37978", _TF + "41401"),
        order=32,
        when=lambda log: log.has("driver.too-old") or reason.cuinit_says(log, "driver.too-old"),
        explains=(*_NO_GPU_THEN, "driver.container"),
    ),
    LogRule(
        "driver.too-old",
        ("driver.insufficient",),
        "the NVIDIA driver, {version}, is most likely older than this cuDNN needs, which did not start though there "
        "was memory",
        "run `gpuenv create --dry-run` to see which driver it needs, and update the driver",
        ("https://github.com/jax-ml/jax/issues/19768",),
        confidence="likely",
        order=50,
        when=reason.cudnn_wants_newer_driver,
        explains=("memory.handle", "cudnn.not-started"),
    ),
    LogRule(
        "driver.ptx-too-new",
        ("driver.ptx",),
        "the driver is older than the CUDA toolkit that made this PTX; minor-version compatibility does not cover PTX",
        "update the NVIDIA driver, then run `gpuenv verify`",
        ("https://github.com/huggingface/candle/issues/1846", "https://docs.nvidia.com/deploy/cuda-compatibility/"),
        order=33,
        explains=("code.bad-ptx", "code.none-for-gpu"),
    ),
    LogRule(
        "driver.container",
        ("container.no-gpu",),
        "the container gets no GPU from its host: the NVIDIA Container Toolkit or the host's driver is missing",
        "on the host run `nvidia-smi`, install `nvidia-container-toolkit`, then `sudo systemctl restart docker`",
        ("https://github.com/NVIDIA/nvidia-docker/issues/1637", "https://github.com/NVIDIA/nvidia-docker/issues/1034"),
        order=29,
        explains=(*_NO_GPU_THEN, "driver.not-loaded", "driver.no-module"),
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
        explains=_NO_GPU_THEN,
    ),
    LogRule(
        "driver.container-lost-gpu",
        ("container.lost-gpu",),
        "the container had a GPU and lost it, as when the host reloads its services (`systemctl daemon-reload`)",
        "restart the container: `docker restart NAME`",
        ("https://github.com/NVIDIA/nvidia-container-toolkit/issues/48",),
        confidence="likely",
        order=31,
        explains=_NO_GPU_THEN,
    ),
    LogRule(
        "driver.no-module",
        ("driver.no-module",),
        "the NVIDIA kernel module is not loaded where this ran: no driver is installed, it failed to load, or the "
        "container was started without the GPU",
        "run `gpuenv info` to see what is in the way; for a container, `docker run --gpus all`",
        (_TF + "57764", "https://github.com/NVIDIA/nvidia-docker/issues/1034"),
        order=34,
        when=lambda log: _matters(log) and not log.has("library.driver-missing"),
        explains=(*_NO_GPU_THEN, "driver.stub"),
    ),
    LogRule(
        "driver.stub",
        ("driver.stub", "cuinit.failed"),
        "the `libcuda` that was loaded is a stub for linking, not the driver",
        "run `unset LD_LIBRARY_PATH` if it names a `stubs` directory; for a container, `docker run --gpus all`",
        ("https://github.com/numba/numba/issues/8985", "https://github.com/NVIDIA/warp/issues/219", _CUDA_ERRORS),
        order=35,
        when=lambda log: log.has("driver.stub") or reason.cuinit_says(log, "driver.stub"),
        explains=_NO_GPU_THEN,
    ),
    LogRule(
        "driver.not-loaded",
        ("library.driver-missing", "cuinit.failed"),
        "the NVIDIA driver's own library is not to be seen: no driver, or a container or WSL without the GPU",
        "run `gpuenv info` to see what is in the way; for a container, `docker run --gpus all`",
        (_TF + "45882", "https://github.com/microsoft/WSL/issues/8587"),
        order=35,
        when=lambda log: (
            _matters(log) and (log.has("library.driver-missing") or reason.cuinit_says(log, "driver.not-loaded"))
        ),
        explains=_NO_GPU_THEN,
    ),
    LogRule(
        "driver.hidden",
        ("driver.hidden",),
        "`CUDA_VISIBLE_DEVICES` hides every GPU from the process",
        "run `unset CUDA_VISIBLE_DEVICES`, then `gpuenv verify device`",
        ("CUDA C++ Programming Guide, CUDA Environment Variables",),
        order=36,
        when=lambda log: log.has("driver.no-device"),
        explains=_NO_GPU_THEN,
    ),
    LogRule(
        "driver.no-device",
        ("driver.no-device", "driver.no-node", "cuinit.failed"),
        "the driver is there but shows this process no GPU: CUDA_VISIBLE_DEVICES, a container, or the driver itself",
        "run `unset CUDA_VISIBLE_DEVICES` and `nvidia-smi`, then `gpuenv verify device`",
        (_TF + "62494", _TF + "44869"),
        order=37,
        when=lambda log: (
            _matters(log)
            and (log.has("driver.no-device", "driver.no-node") or reason.cuinit_says(log, "driver.no-device"))
        ),
        explains=("driver.cuinit", "loader.some-missing", "loader.no-cuda", "gpu.not-registered"),
    ),
    LogRule(
        "driver.cuinit",
        ("cuinit.failed",),
        "the driver could not be started: {error}",
        "run `sudo modprobe nvidia-uvm` or restart the machine, then `gpuenv verify device`",
        ("https://github.com/microsoft/DirectML/issues/80", _CUDA_ERRORS),
        confidence="likely",
        order=45,
        when=_matters,
        explains=("loader.some-missing", "loader.no-cuda", "gpu.not-registered"),
    ),
)
