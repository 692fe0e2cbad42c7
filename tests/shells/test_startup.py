"""The start-up file in every Python of this machine: real virtual environments, started without a shell."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.version import Version

from gpuenv.activate import activate
from gpuenv.model import Built, CudaFiles
from real_shells import VARIABLES, started


def interpreters() -> Iterator[str]:
    """Return one Python of each minor version that pyenv has installed, or that is on PATH."""
    for minor in range(6, 14):
        name = f"python3.{minor}"
        root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
        found = sorted(root.glob(f"3.{minor}.*/bin/{name}"))
        yield str(found[-1]) if found else name


@pytest.fixture(scope="module", params=interpreters(), ids=lambda path: Path(path).name)
def python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a virtual environment, made by that Python's own `venv`, with the start-up file in it."""
    base = shutil.which(request.param)
    if base is None or subprocess.run([base, "-c", "import venv"], capture_output=True, check=False).returncode != 0:
        pytest.skip(f"install {Path(request.param).name}, for example with pyenv, to run this")
    prefix = tmp_path_factory.mktemp("venvs") / "a b"
    subprocess.run([base, "-m", "venv", "--without-pip", prefix], check=True)
    [site_packages] = prefix.glob("lib/python3*/site-packages")
    built = Built(prefix, prefix / "bin" / "python", Version("3"), site_packages, "linux-64")
    activate(built, VARIABLES, CudaFiles((), site_packages / "nvidia" / "cuda_nvcc"))
    return built.python


@pytest.mark.parametrize("options", [(), ("-I",), ("-E",), ("-s", "-B"), ("-O",)], ids=" ".join)
def test_startup__no_activation__sets_what_activation_sets(python: Path, options: tuple[str, ...]) -> None:
    found = started(python, *options, PATH="/usr/bin")
    prefix = python.parent.parent
    [site_packages] = prefix.glob("lib/python3*/site-packages")
    assert found["CUDA_MODULE_LOADING"] == "LAZY"
    assert found["CUDA_CACHE_PATH"] == f"{prefix}/var/gpuenv/compute-cache"
    assert found["XLA_FLAGS"] == f"--xla_gpu_cuda_data_dir='{site_packages}/nvidia/cuda_nvcc'"
    assert found["PATH"] == f"{site_packages}/nvidia/cuda_nvcc/bin:/usr/bin"
    assert "LD_LIBRARY_PATH" not in found


def test_startup__own_values__stay(python: Path) -> None:
    own = {"CUDA_MODULE_LOADING": "", "CUDA_CACHE_PATH": "/mine", "XLA_FLAGS": "--xla_gpu_cuda_data_dir=/mine"}
    found = started(python, **own)
    assert {name: found[name] for name in own} == own


def test_startup__without_site__sets_nothing(python: Path) -> None:
    assert "CUDA_MODULE_LOADING" not in started(python, "-S")


def test_startup__child_of_a_started_python__nothing_doubled(python: Path) -> None:
    found = started(python, PATH="/usr/bin", XLA_FLAGS="--mine")
    assert started(python, **found) == found


def test_startup__cost__under_two_milliseconds(python: Path) -> None:
    """Best of several, measured inside the process: what the machine does besides must not count."""
    code = (
        "import importlib, os, sys, time\n"
        "best = 9.0\n"
        "for _ in range(20):\n"
        "    sys.modules.pop('_gpuenv_startup')\n"
        "    os.environ.pop('CUDA_CACHE_PATH'); os.environ.pop('XLA_FLAGS')\n"
        "    begin = time.perf_counter()\n"
        "    import _gpuenv_startup\n"
        "    best = min(best, time.perf_counter() - begin)\n"
        "import json; print(json.dumps({'best_s': best}))"
    )
    started(python)  # compiles it
    assert float(started(python, code=code)["best_s"]) < 0.002


@pytest.mark.parametrize(
    "breakage",
    [
        "os.environ = None",
        "sys.prefix = None; sys.exec_prefix = 7",
        "os.environ['XLA_FLAGS'] = '\\udc80 --\\udcff'",
        "os.path.isfile = None; os.environ['CUDA_CACHE_PATH'] = '/x/y'",
    ],
)
def test_startup__odd_process__starts_in_silence(python: Path, breakage: str) -> None:
    code = f"import os, sys; del sys.modules['_gpuenv_startup']; {breakage}; import _gpuenv_startup"
    ended = subprocess.run([str(python), "-c", code], env={}, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
