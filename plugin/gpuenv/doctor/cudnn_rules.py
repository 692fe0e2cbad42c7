"""cuDNN: parts of it that are missing, of another version, or made for another CUDA."""

from __future__ import annotations

from gpuenv.doctor import reason
from gpuenv.doctor.fixes import RECREATE
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.sources import MEASURED, TENSORFLOW

CUDNN_RULES = (
    LogRule(
        "loader.zlibwapi",
        ("library.zlibwapi",),
        "cuDNN 8.3 to 8.9 for Windows opens `zlibwapi.dll`, which NVIDIA does not ship and this machine does not have",
        "run `conda install -c conda-forge libzlib-wapi` and put its directory on PATH, then `gpuenv verify`",
        ("https://github.com/Softcatala/whisper-ctranslate2/issues/41", "conda-forge/cudnn-feedstock"),
        order=20,
        explains=("loader.cudnn-part", "loader.windows-abort", "cudnn.not-started"),
    ),
    LogRule(
        "loader.wsl-libcuda",
        ("library.wsl",),
        "{library} opens `libcuda.so`, but only `libcuda.so.1` is there, as in WSL 2",
        "run `export LD_LIBRARY_PATH=/usr/lib/wsl/lib` in WSL, then `gpuenv verify`",
        ("https://github.com/pytorch/pytorch/issues/85773", "https://github.com/tensorflow/hub/issues/884"),
        order=21,
        explains=("loader.cudnn-part", "driver.not-loaded", "cudnn.not-started"),
    ),
    LogRule(
        "loader.cudnn-part",
        ("library.part-missing",),
        "a part of cuDNN could not be loaded: {library}; cuDNN opens its parts at the first convolution or training "
        "step and ends the process without them",
        RECREATE,
        (MEASURED, TENSORFLOW + "54784", TENSORFLOW + "53611"),
        order=22,
        when=lambda log: not log.has("system.paging-file"),
        explains=("loader.windows-abort", "cudnn.not-started", "memory.handle"),
    ),
    LogRule(
        "loader.cudnn-other-cuda",
        ("library.cudnn-cuda",),
        "cuDNN opens {library}, which is not there: it was made for that version of CUDA, and the framework uses "
        "another one",
        "install the cuDNN that is made for the framework's CUDA, as `gpuenv create` does",
        (
            TENSORFLOW + "61326",
            "cuDNN support matrix, https://docs.nvidia.com/deeplearning/cudnn/backend/latest/reference/",
        ),
        confidence="likely",
        order=21,
        explains=("loader.cudnn-part", "loader.windows-abort", "cudnn.not-started", "memory.handle"),
    ),
    LogRule(
        "loader.cudnn-older",
        ("library.cudnn-version",),
        "another cuDNN was loaded than the framework was built with: found {found}, built with {built}; it needs the "
        "same major version and at least that minor one",
        "run `unset LD_LIBRARY_PATH` if it names another cuDNN, then `gpuenv verify`",
        (TENSORFLOW + "39842", TENSORFLOW + "60913"),
        order=23,
        when=lambda log: (
            not reason.newer_than_built(log)
            or not log.names("found", "library.cudnn-version")
            or len(log.events) == len(log.all("library.cudnn-version"))
            or log.has("cudnn.not-started")
        ),
        explains=("cudnn.not-started", "memory.handle", "memory.blas", "loader.some-missing"),
    ),
    LogRule(
        "loader.cudnn-older",
        ("library.cudnn-exact",),
        "another cuDNN was loaded than the framework was built with: found {found}, built with {built}; TensorFlow of "
        "that time takes exactly its own",
        "run `gpuenv create --dry-run` for a newer TensorFlow, or install the cuDNN that this one was built with",
        ("https://github.com/keras-team/keras/issues/14441",),
        confidence="likely",
        order=23,
        explains=("cudnn.not-started", "memory.handle", "memory.blas"),
    ),
    LogRule(
        "loader.cudnn-older",
        ("library.cudnn-mixed",),
        "the cuDNN that was loaded is older than the framework needs, or its parts are of two versions",
        "run `unset LD_LIBRARY_PATH` if it names another cuDNN, then `gpuenv verify`",
        (TENSORFLOW + "1359", "cuDNN API reference, cudnnStatus_t"),
        confidence="likely",
        order=23,
        when=lambda log: not log.has("library.cudnn-version"),
        explains=("cudnn.not-started", "memory.handle", "memory.blas", "loader.some-missing"),
    ),
)
