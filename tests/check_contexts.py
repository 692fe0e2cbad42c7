"""Contexts for checks: of an environment with a framework that does nothing, and of a real one."""

from __future__ import annotations

import os
import sys
import venv
from functools import cache
from pathlib import Path

import msgspec
from packaging.version import Version
from ruamel.yaml import YAML

from gpuenv.extension import CheckContext
from gpuenv.model import Built, CudaFiles, Driver, Gpu, Host, Recipe

SHIPPED = Path(__file__).parents[1] / "recipes" / "tf-2.4.yaml"
NO_GPU = Host("linux-64")
RTX_3080 = Gpu(0, "NVIDIA GeForce RTX 3080", (8, 6), None, "nvml")
H100 = Gpu(1, "NVIDIA H100 80GB HBM3", (9, 0), None, "nvml")
DRIVER = Driver(Version("580.159.04"), Version("13.0"), "nvml")

# As much of TensorFlow as the children ask for when nothing is computed.
TENSORFLOW = """\
import os
__version__ = os.environ.get("FAKE_VERSION", "2.4.0")
class test:
    is_built_with_cuda = staticmethod(lambda: "FAKE_CPU_BUILD" not in os.environ)
class sysconfig:
    get_build_info = staticmethod(lambda: {"cuda_version": "11.0", "cudnn_version": "8"})
class Device:
    def __init__(self, name):
        self.name = name
class config:
    class experimental:
        set_memory_growth = staticmethod(lambda device, enable: None)
    list_physical_devices = staticmethod(
        lambda kind: [Device("/physical_device:GPU:%d" % n) for n in range(int(os.environ.get("FAKE_GPUS", "0")))])
    list_logical_devices = staticmethod(
        lambda kind: [Device("/device:GPU:%d" % n) for n in range(int(os.environ.get("FAKE_STARTED", "0")))])
"""


@cache
def shipped_recipe() -> Recipe:
    """Read TensorFlow 2.4's recipe, once."""
    return msgspec.convert(YAML(typ="safe").load(SHIPPED), Recipe)


def make_environment(prefix: Path) -> Built:
    """Make a real virtual environment of the running Python with the framework that does nothing."""
    venv.EnvBuilder(symlinks=True).create(prefix)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    site_packages = prefix / "lib" / f"python{version}" / "site-packages"
    (site_packages / "tensorflow").mkdir()
    (site_packages / "tensorflow" / "__init__.py").write_text(TENSORFLOW)
    (site_packages / "tensorflow-2.4.0.dist-info").mkdir()
    return Built(prefix, prefix / "bin" / "python", Version(version), site_packages, "linux-64")


def real_environment(prefix: Path) -> Built:
    """Describe a real TensorFlow 2.4.0 environment."""
    site_packages = next(prefix.glob("lib/python3.*/site-packages"))
    version = Version(site_packages.parent.name.removeprefix("python"))
    return Built(prefix, prefix / "bin" / "python", version, site_packages, "linux-64")


def context_of(built: Built, log_dir: Path, host: Host = NO_GPU, timeout_s: float = 300.0) -> CheckContext:
    nvidia = built.site_packages / "nvidia"
    cuda = CudaFiles(tuple(sorted(nvidia.glob("*/lib"))), nvidia / "cuda_nvcc")
    return CheckContext(
        built, shipped_recipe(), "pypi", host, cuda, log_dir, timeout_s=timeout_s, environment=dict(os.environ)
    )


def copy_of(built: Built, prefix: Path) -> Built:
    """Copy a real environment by hard links, so that files can be taken away from it."""
    import shutil

    shutil.copytree(built.prefix, prefix, symlinks=True, copy_function=os.link)
    return real_environment(prefix)
