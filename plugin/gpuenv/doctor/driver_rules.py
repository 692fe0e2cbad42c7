"""The driver: its versions, its library, and how it starts."""

from __future__ import annotations

from gpuenv.doctor import reason
from gpuenv.doctor.consequences import NO_DEVICE
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.sources import BROKEN, CUDA_ERRORS, CUDA_VARIABLES, TENSORFLOW

DRIVER_RULES = (
    LogRule(
        "driver.mismatch",
        ("driver.mismatch", "driver.kernel-version", "cuinit.failed"),
        "the driver's kernel module and its libraries have different versions, as after an update without a restart",
        "run `sudo reboot`; in a container, remove its own `libcuda.so.1`",
        (TENSORFLOW + "4768", TENSORFLOW + "22525", CUDA_ERRORS),
        order=30,
        when=lambda log: (
            log.has("driver.mismatch")
            or reason.driver_versions_differ(log)
            or reason.cuinit_says(log, "driver.mismatch")
        ),
        explains=(*NO_DEVICE, "driver.compat-package", "driver.too-old", "driver.no-module", "driver.container"),
    ),
    LogRule(
        "driver.compat-package",
        ("driver.compat", "cuinit.failed"),
        "a `libcuda.so.1` of the package cuda-compat is used, which works on data-centre GPUs only; or the driver was "
        "updated without a restart",
        "run `unset LD_LIBRARY_PATH` if it names a `compat` directory, update the driver, then `gpuenv verify`",
        (TENSORFLOW + "4349", CUDA_ERRORS),
        order=31,
        when=lambda log: log.has("driver.compat") or reason.cuinit_says(log, "driver.compat"),
        explains=NO_DEVICE,
    ),
    LogRule(
        "driver.fabric-manager",
        ("driver.fabric", "cuinit.failed"),
        "the GPUs of this machine are joined by NVSwitch and wait for the fabric manager, which does not run",
        "run `sudo systemctl start nvidia-fabricmanager` (the package has the driver's version)",
        ("https://github.com/pytorch/pytorch/issues/35710", CUDA_ERRORS),
        order=31,
        when=lambda log: log.has("driver.fabric") or reason.cuinit_says(log, "driver.fabric"),
        explains=NO_DEVICE,
    ),
    LogRule(
        "driver.too-old",
        ("driver.too-old", "cuinit.failed"),
        "the NVIDIA driver is older than this CUDA needs",
        "run `gpuenv create --dry-run` to see which driver it needs, and update the driver",
        (TENSORFLOW + "37978", TENSORFLOW + "41401"),
        order=32,
        when=lambda log: log.has("driver.too-old") or reason.cuinit_says(log, "driver.too-old"),
        explains=(*NO_DEVICE, "driver.container"),
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
        "driver.stub",
        ("driver.stub", "cuinit.failed"),
        "the `libcuda` that was loaded is a stub for linking, not the driver",
        "run `unset LD_LIBRARY_PATH` if it names a `stubs` directory; for a container, `docker run --gpus all`",
        ("https://github.com/numba/numba/issues/8985", "https://github.com/NVIDIA/warp/issues/219", CUDA_ERRORS),
        order=35,
        when=lambda log: log.has("driver.stub") or reason.cuinit_says(log, "driver.stub"),
        explains=NO_DEVICE,
    ),
    LogRule(
        "driver.not-loaded",
        ("library.driver-missing", "cuinit.failed"),
        "the NVIDIA driver's own library is not to be seen: no driver, or a container or WSL without the GPU",
        "run `gpuenv info` to see what is in the way; for a container, `docker run --gpus all`",
        (TENSORFLOW + "45882", "https://github.com/microsoft/WSL/issues/8587"),
        order=35,
        when=lambda log: (
            reason.driver_matters(log)
            and (log.has("library.driver-missing") or reason.cuinit_says(log, "driver.not-loaded"))
        ),
        explains=NO_DEVICE,
    ),
    LogRule(
        "driver.not-loaded",
        ("driver.library-unseen",),
        "the kernel has the NVIDIA driver, but the process could not load the driver's own library `libcuda.so.1`: it "
        "is not to be found, or another file of that name comes first",
        "run `ldconfig -p | grep libcuda` and `unset LD_LIBRARY_PATH`; for a container, `docker run --gpus all`",
        (BROKEN, "tensorflow/xla: xla/stream_executor/cuda/cuda_diagnostics.cc"),
        confidence="likely",
        order=35,
        when=lambda log: not log.has("cuinit.failed", "gpu.created", "driver.stub"),
        explains=NO_DEVICE,
    ),
    LogRule(
        "driver.hidden",
        ("driver.hidden",),
        "`CUDA_VISIBLE_DEVICES` hides every GPU from the process",
        "run `unset CUDA_VISIBLE_DEVICES`, then `gpuenv verify device`",
        (CUDA_VARIABLES,),
        order=36,
        when=lambda log: log.has("driver.no-device"),
        explains=NO_DEVICE,
    ),
    LogRule(
        "driver.hidden",
        ("driver.hidden-value",),
        "`CUDA_VISIBLE_DEVICES={value}` names no GPU that this process may use, so that all are hidden from it",
        "run `nvidia-smi -L` to see which there are, and `unset CUDA_VISIBLE_DEVICES`, then `gpuenv verify device`",
        (CUDA_VARIABLES, BROKEN),
        confidence="likely",
        order=36,
        when=lambda log: log.has("driver.no-device"),
        explains=NO_DEVICE,
    ),
    LogRule(
        "driver.no-device",
        ("driver.no-device", "driver.no-node", "cuinit.failed"),
        "the driver is there but shows this process no GPU: CUDA_VISIBLE_DEVICES, a container, or the driver itself",
        "run `unset CUDA_VISIBLE_DEVICES` and `nvidia-smi`, `ls -l /dev/nvidia*` for who may use it, then "
        "`gpuenv verify device`",
        (TENSORFLOW + "62494", TENSORFLOW + "44869"),
        order=37,
        when=lambda log: (
            reason.driver_matters(log)
            and (log.has("driver.no-device", "driver.no-node") or reason.cuinit_says(log, "driver.no-device"))
        ),
        explains=("driver.cuinit", "loader.some-missing", "loader.no-cuda", "gpu.not-registered"),
    ),
    LogRule(
        "driver.cuinit",
        ("cuinit.failed",),
        "the driver could not be started: {error}",
        "run `sudo modprobe nvidia-uvm` or restart the machine, then `gpuenv verify device`",
        ("https://github.com/microsoft/DirectML/issues/80", CUDA_ERRORS),
        confidence="likely",
        order=45,
        when=reason.driver_matters,
        explains=("loader.some-missing", "loader.no-cuda", "gpu.not-registered"),
    ),
)
