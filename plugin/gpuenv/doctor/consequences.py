"""What follows from a cause: the ids of rules that speak wherever the framework gets no GPU."""

from __future__ import annotations

# Where a driver that is there gives the process no GPU.
NO_DEVICE = (
    "driver.cuinit",
    "driver.no-device",
    "loader.some-missing",
    "loader.no-cuda",
    "gpu.not-registered",
    "cudnn.not-started",
)
# Where the kernel or the container has no working GPU to offer.
NO_GPU = (
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
