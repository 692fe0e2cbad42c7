"""What several rules cite: the beginnings of addresses, and measurements of gpuenv's own."""

from __future__ import annotations

TENSORFLOW = "https://github.com/tensorflow/tensorflow/issues/"
CONTAINER_TOOLKIT = "https://github.com/NVIDIA/nvidia-container-toolkit/issues/"
CUDA_ERRORS = "CUDA driver API, enum CUresult, https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html"
CUDA_VARIABLES = "CUDA C++ Programming Guide, CUDA Environment Variables"
DRIVER_README = "NVIDIA driver README, https://us.download.nvidia.com/XFree86/Linux-x86_64/550.144.03/README/"
PIP = "https://pip.pypa.io/en/stable/"
CONDA = "https://docs.conda.io/projects/conda/en/stable/"
MEASURED = "measured on an H100 with TensorFlow 2.4.0, November 2026"
BROKEN = "measured on an H100 with TensorFlow 2.15.1 and 2.21.0, broken on purpose, November 2026"
SMOKE = "measured: plain installations of 23 TensorFlow releases, November 2026"
