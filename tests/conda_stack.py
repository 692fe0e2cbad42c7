"""The small stack in the conda way: the framework as a wheel, Python, CUDA and cuDNN from a conda channel."""

from __future__ import annotations

from pathlib import Path

from conda_channel import MadeChannel
from small_stack import SmallStack, write_lock

RECIPE = """\
gpuenv_recipe_version: "1"
name: small-conda
summary: A stack of a few kilobytes, and a Python
framework:
  name: tensorflow
  version: "2.4.0"
  loader: {{linux-64: tensorflow/libtensorflow_framework.so.2, win-64: tensorflow/_pywrap.pyd}}
  gpu_code: {{linux-64: tensorflow/libtensorflow_framework.so.2, win-64: tensorflow/_pywrap.pyd}}
  libraries: {{linux-64: [libcudart.so.11.0, libcusolver.so.10, libcudnn.so.8], win-64: [cudart64_110.dll]}}
  lazy_libraries: {{linux-64: [libcudnn_ops_infer.so.8]}}
pythons: ["{python}"]
platforms: [linux-64, win-64]
gpu: {{compute_capability_min: "3.5", machine_code: ["8.0"], ptx: "8.0"}}
requirements: [tensorflow==2.4.0]
sources:
  pypi:
    cuda_toolkit: "11.8"
    cudnn: "8.6"
    driver_min: {{linux-64: "450.80.02"}}
    requirements: {{linux-64: [nvidia-cuda-runtime-cu11==11.8.89]}}
    aliases: {{linux-64: {{libcusolver.so.10: libcusolver.so.11}}}}
  conda:
    cuda_toolkit: "11.0"
    cudnn: "8.0"
    driver_min: {{linux-64: "450.36.06", win-64: "451.22"}}
    channels: ["{channel}"]
    packages: {{linux-64: [cudatoolkit=11.0, cudnn=8.0], win-64: [cudatoolkit=11.0, cudnn=8.0]}}
environment:
  CUDA_MODULE_LOADING: {{value: LAZY}}
checks: [files]
"""


def write_conda_recipe(stack: SmallStack, channel: MadeChannel, address: str | None = None) -> Path:
    """Write the recipe with its lock for the conda source, which has no conda part; return the recipe's file.

    `address` is where the channel is served, if not from its directory.
    """
    recipe = stack.recipe.with_name("small-conda.yaml")
    recipe.write_text(RECIPE.format(python=channel.python, channel=address or channel.uri))
    wheels = sorted(stack.wheels.glob("*.whl"))
    write_lock(recipe, [wheel for wheel in wheels if "nvidia" not in wheel.name], source="conda", python=channel.python)
    return recipe
