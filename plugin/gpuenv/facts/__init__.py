"""Sourced tables about GPUs and drivers, and pure queries over them.

The tables are data files beside this module; each carries its sources. They are read at the first query, not at
import. What a table does not say is None: a query never guesses.

- `gpu_products.csv`: product names and compute capabilities. Sources: `nvidia-derived` is a public table derived from
  NVIDIA's page "CUDA GPUs", `wikipedia-copy` a public copy of the table in the article "CUDA" of the English Wikipedia.
- `cuda_driver.csv`: which driver each CUDA toolkit came with. Source: NVIDIA's release notes (columns `*_source`).
- `nvidia_archives.csv`, `cudnn_files.json`: NVIDIA's archives by name and SHA-256, and what some of them hold; see
  `gpuenv.facts.cudnn`, which is imported from there and not from here. Each row has its sources: recipes of spack,
  conda-forge, Anaconda, JuliaPackaging/Yggdrasil, EasyBuild and Scoop, and NVIDIA's own manifests `redistrib_*.json` as
  nixos-cuda/cuda-legacy keeps them (read 2026-11).
- `tensorflow.csv`: TensorFlow's releases, a claim a row (`tensorflow.py`); sources are named in each.
- `compute_capability.json`: architectures, and the CUDA releases whose compiler knows them (key `sources`).
"""

from gpuenv.facts.cuda import (
    architecture_name,
    cuda_driver_api,
    first_driver_for,
    known_capabilities,
    known_cudas,
    newest_driver,
    toolkit_driver,
)
from gpuenv.facts.products import capability_of_product, product_suggestions, products_of
from gpuenv.facts.tensorflow import claims, disagreements, problems, releases, team_driver_min

__all__ = [
    "architecture_name",
    "capability_of_product",
    "claims",
    "cuda_driver_api",
    "disagreements",
    "first_driver_for",
    "known_capabilities",
    "known_cudas",
    "newest_driver",
    "problems",
    "product_suggestions",
    "products_of",
    "releases",
    "team_driver_min",
    "toolkit_driver",
]
