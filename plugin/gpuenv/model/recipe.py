"""What a team asks for: a recipe, as it is after reading and validation.

The structs are the schema: field names are the keys of the YAML file, `docs/recipes.md` explains each, and
`recipes/schema.py` turns them into a JSON schema for editors. Versions are strings here because files hold strings
(YAML reads an unquoted `12.10` as 12.1).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

VersionText = Annotated[str, msgspec.Meta(pattern=r"^[0-9]+(\.[0-9]+)*$", description='a quoted version, as "11.0"')]
CapabilityText = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9]+\.[0-9]$", description='a quoted compute capability, as "8.6"')
]
Platform = Literal["linux-64", "win-64"]
SourceName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]*$")]
CheckName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]*$")]

DEFAULT_CHECKS = ("files", "import", "device", "compute", "train", "xla")


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A part of a recipe: immutable, and unknown keys are errors."""


class Framework(_Part, frozen=True):
    """The framework, and the files in its package that matter to the GPU (paths relative to site-packages).

    `loader` is the binary that opens the CUDA libraries by name; links go beside it on Linux.
    `gpu_code` is the binary that holds the framework's own kernels (fat binaries). `libraries` are the names it opens
    at start, used where they cannot be read from the binary. `lazy_libraries` are opened later, by cuDNN at the first
    convolution. `external_libraries` must be on the machine already.
    """

    name: str
    version: VersionText
    loader: dict[Platform, str]
    gpu_code: dict[Platform, str]
    libraries: dict[Platform, list[str]]
    lazy_libraries: dict[Platform, list[str]] = {}
    external_libraries: dict[Platform, list[str]] = {}


class GpuRange(_Part, frozen=True):
    """Which GPUs a stack serves, as compute capabilities, both ends included.

    `machine_code` lists the architectures compiled ahead in the framework, `ptx` the one that newer GPUs compile from.
    `ptx_toolkit` is the CUDA toolkit that made the PTX: a driver compiles it only when it knows that toolkit.
    `without_ptx` names what fails on newer GPUs because it has machine code only: `without_ptx_machine_code`, or the
    same as everything else. `without_ptx_on` says it for a platform whose build differs.
    """

    compute_capability_min: CapabilityText
    compute_capability_max: CapabilityText | None = None
    machine_code: list[CapabilityText] = []
    ptx: CapabilityText | None = None
    ptx_toolkit: VersionText | None = None
    without_ptx: list[str] = []
    without_ptx_machine_code: list[CapabilityText] = []
    without_ptx_on: dict[Platform, list[str]] = {}

    def fails_without_ptx(self, platform: str) -> list[str]:
        """Return what fails on GPUs that are newer than the machine code, in the build for a platform."""
        return next((names for key, names in self.without_ptx_on.items() if key == platform), self.without_ptx)


class Variable(_Part, frozen=True):
    """One environment variable. In `value`, `{prefix}` is the environment and `{cuda_dir}` the CUDA tools in it.

    `mode`: `default` sets it unless the user has; `flag` adds it to a space-separated list unless the user gave that
    flag; `path` puts it in front of a path list.
    """

    value: str
    mode: Literal["default", "flag", "path"] = "default"


class Source(_Part, frozen=True):
    """One place where CUDA and cuDNN can come from, with what it needs and what the loader then misses.

    `cuda_toolkit` and `cudnn` are the versions found there. `driver_min` is the least NVIDIA driver per platform.
    `machine_code_max` is the newest GPU that its libraries have machine code for; a newer one compiles their PTX too.
    `requirements` are Python packages, `packages` conda packages from `channels`. `aliases` maps a name the framework
    opens to the name the source has. `external_libraries` are what this source lacks and the machine must have.
    """

    cuda_toolkit: VersionText
    cudnn: VersionText
    driver_min: dict[Platform, VersionText]
    compute_capability_max: CapabilityText | None = None
    machine_code_max: CapabilityText | None = None
    requirements: dict[Platform, list[str]] = {}
    channels: list[str] = []
    packages: dict[Platform, list[str]] = {}
    external_libraries: dict[Platform, list[str]] = {}
    aliases: dict[Platform, dict[str, str]] = {}
    environment: dict[str, Variable] = {}


class Recipe(_Part, frozen=True):
    """A stack: framework, Pythons, GPUs, and the sources that can supply CUDA and cuDNN, preferred first.

    `glibc_min` is the oldest glibc that the packages for Linux run on; without it that is 2.17.
    `locks` are texts of locks, for a recipe that is whole in one file; those of a team lie beside its recipe.
    """

    gpuenv_recipe_version: Literal["1"]
    name: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="a name of letters, digits, dots, dashes, underscores"
        ),
    ]
    summary: str
    framework: Framework
    pythons: Annotated[list[VersionText], msgspec.Meta(min_length=1)]
    platforms: Annotated[list[Platform], msgspec.Meta(min_length=1)]
    gpu: GpuRange
    requirements: Annotated[list[str], msgspec.Meta(min_length=1)]
    sources: Annotated[dict[SourceName, Source], msgspec.Meta(min_length=1)]
    environment: dict[str, Variable] = {}
    checks: list[CheckName] = msgspec.field(default_factory=lambda: list(DEFAULT_CHECKS))
    notes: list[str] = []
    glibc_min: VersionText | None = None
    locks: list[str] = []

    def variables(self, source: str) -> dict[str, Variable]:
        """Return the environment variables for one source: the recipe's, and over them the source's."""
        return {**self.environment, **self.sources[source].environment}


class LoadedRecipe(msgspec.Struct, frozen=True):
    """A recipe and where it came from; locks are read from and written to the directory beside the file.

    `bases` are the files that it extends, nearest first; a lock beside one of them serves too while it fits.
    """

    recipe: Recipe
    path: str
    origin: str
    bases: tuple[str, ...] = ()
