"""A small valid recipe, whose lines and columns the tests know."""

from __future__ import annotations

from pathlib import Path

from gpuenv.extension import RecipeSource
from gpuenv.recipes import recipe_files

SHIPPED = Path(__file__).parents[3] / "recipes"

SMALL = """\
gpuenv_recipe_version: "1"
name: small
summary: A small stack
framework:
  name: tensorflow
  version: "2.4.0"
  loader: {linux-64: tf/a.so}
  gpu_code: {linux-64: tf/b.so}
  libraries: {linux-64: [libcudart.so.11.0]}
pythons: ["3.8"]
platforms: [linux-64]
gpu:
  compute_capability_min: "3.5"
  machine_code: ["7.0", "8.0"]
  ptx: "8.0"
requirements:
  - tensorflow==2.4.0
  - protobuf<3.21
sources:
  pypi:
    cuda_toolkit: "11.8"
    cudnn: "8.6"
    driver_min: {linux-64: "450.80.02"}
    requirements:
      linux-64:
        - nvidia-cudnn-cu11==8.6.0.163
environment:
  CUDA_CACHE_PATH: {value: "{prefix}/cache"}
"""


def child(name: str, base: str, *more: str) -> str:
    """A recipe that extends another."""
    return "\n".join(['gpuenv_recipe_version: "1"', f"name: {name}", f"extends: {base}", *more, ""])


def sources_of(**directories: Path) -> list[RecipeSource]:
    """Recipe sources over directories, in the order given."""
    return [
        RecipeSource(name, lambda directory=directory: recipe_files([directory]), order=10 + index)
        for index, (name, directory) in enumerate(directories.items())
    ]
