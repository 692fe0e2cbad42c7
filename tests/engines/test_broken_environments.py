"""Environments that are really broken on disk: each is diagnosed, and where that is safe mended, and then whole."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from broken_environments import BROKEN, SITE, Broken, link, make_wheels, make_whole, tensorflow
from gpuenv.diagnosis import diagnoses
from gpuenv.doctor.environment import Environment
from gpuenv.doctor.read import read_environment
from gpuenv.doctor.rules import RULES
from gpuenv.extension import Diagnosis
from gpuenv.model import Gpu, silent
from gpuenv.repair import carry_out, words

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("gcc") is None or shutil.which("objcopy") is None,
    reason="install gcc and binutils on Linux to run this",
)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Make a whole environment of a TensorFlow release, once."""
    made: dict[str, Path] = {}

    def make(version: str) -> Path:
        if version not in made:
            made[version] = make_whole(tmp_path_factory.mktemp("whole") / "env", version)
        return made[version]

    return make


@pytest.fixture
def prefix(whole: Callable[[str], Path], tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Copy the whole environment, so that it can be broken."""
    version = getattr(request, "param", "2.4.0")
    shutil.copytree(whole(version), tmp_path / "env", symlinks=True, copy_function=shutil.copy)
    return tmp_path / "env"


def look(
    prefix: Path, environ: Mapping[str, str] | None = None, gpu: tuple[int, int] | None = None
) -> tuple[Environment, list[Diagnosis]]:
    gpus = () if gpu is None else (Gpu(0, "NVIDIA GeForce GTX 1080 Ti", gpu, None, "nvml"),)
    environment = read_environment(prefix, environ or {}, gpus)
    return environment, diagnoses(RULES, "environment", environment, pytest.fail)


@pytest.mark.parametrize("prefix", ["2.4.0", "2.5.0", "2.12.0", "2.15.0", "2.18.0"], indirect=True)
def test_look__whole_environment__no_cause(prefix: Path) -> None:
    environment, found = look(prefix, gpu=(8, 6))
    assert found == []
    assert environment.tensorflow is not None
    assert environment.kind == "venv"
    assert all(library.usable for library in environment.tensorflow.libraries)
    assert len(environment.tensorflow.libraries) > 10


CASES = [pytest.param(it.version, it, id=name) for name, it in BROKEN.items()]


@pytest.mark.parametrize(("prefix", "broken"), CASES, indirect=["prefix"])
def test_look__broken_on_disk__the_cause_is_first(prefix: Path, broken: Broken) -> None:
    broken.break_it(prefix)
    _, found = look(prefix, broken.environ(prefix), broken.gpu)
    assert [it.rule for it in found][:1] == [broken.rule]
    first = found[0]
    assert not first.cause.endswith(".")
    assert first.source
    assert "`" in first.fix or "install" in first.fix
    assert (first.repair is not None) >= broken.repair


@pytest.mark.parametrize(
    ("prefix", "broken"),
    [pytest.param(it.version, it, id=name) for name, it in BROKEN.items() if it.repair],
    indirect=["prefix"],
)
def test_repair__safe_one__leaves_a_whole_environment(
    prefix: Path, broken: Broken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheels(tmp_path / "wheels", broken.wheels)
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    broken.break_it(prefix)
    _, found = look(prefix, broken.environ(prefix))
    assert found[0].repair is not None
    assert all(words(action) for action in found[0].repair.actions)
    carry_out(found[0].repair, silent)
    assert look(prefix, broken.environ(prefix))[1] == []


def test_broken__kinds__at_least_twenty() -> None:
    assert len({it.rule for it in BROKEN.values()}) >= 20
    assert sum(it.repair for it in BROKEN.values()) >= 8


def test_look__rules__each_has_a_broken_environment() -> None:
    known = {it.rule for it in BROKEN.values()} | {"env.link-gone", "env.startup-missing", "env.requirements"}
    assert {rule.id for rule in RULES if rule.looks_at == "environment"} <= known


def test_carry_out__ptxas_shared_with_a_cache__the_cache_keeps_its_permissions(prefix: Path, tmp_path: Path) -> None:
    BROKEN["ptxas that may not be run"].break_it(prefix)
    ptxas = prefix / SITE / "nvidia/cuda_nvcc/bin/ptxas"
    cached = tmp_path / "cached"
    cached.hardlink_to(ptxas)
    _, found = look(prefix)
    assert found[0].repair is not None
    carry_out(found[0].repair, silent)
    assert ptxas.stat().st_mode & 0o111
    assert not cached.stat().st_mode & 0o111


def test_carry_out__a_file_stands_where_a_link_should__it_is_left_alone(prefix: Path) -> None:
    from gpuenv.errors import GpuenvError

    BROKEN["links beside the loader removed"].break_it(prefix)
    _, found = look(prefix)
    (tensorflow(prefix) / "libcublas.so.11").write_text("mine")
    assert found[0].repair is not None
    with pytest.raises(GpuenvError, match="ln -sfn"):
        carry_out(found[0].repair, silent)
    assert (tensorflow(prefix) / "libcublas.so.11").read_text() == "mine"


def test_look__cusolver_11_behind_10__is_right(prefix: Path) -> None:
    environment, found = look(prefix)
    assert environment.tensorflow is not None
    (solver,) = [it for it in environment.tensorflow.libraries if it.name == "libcusolver.so.10"]
    assert solver.soname == "libcusolver.so.11"
    assert found == []


def test_look__rpath_and_ld_library_path__rpath_wins_as_in_the_linker(prefix: Path, tmp_path: Path) -> None:
    from small_stack import compile_library

    compile_library("int cuda(void) { return 2; }", tmp_path / "cuda" / "libcublas.so.11")
    environment, found = look(prefix, {"LD_LIBRARY_PATH": str(tmp_path / "cuda")})
    assert environment.tensorflow is not None
    (blas,) = [it for it in environment.tensorflow.libraries if it.name == "libcublas.so.11"]
    assert blas.path == tensorflow(prefix) / "libcublas.so.11"
    assert found == []


def test_look__several_things_wrong__all_are_named(prefix: Path) -> None:
    for name in ("links beside the loader removed", "NumPy 2", "protobuf of today"):
        BROKEN[name].break_it(prefix)
    assert {it.rule for it in look(prefix)[1]} == {"env.protobuf", "env.numpy", "env.library-missing"}


@pytest.mark.parametrize("has_pip", [True, False])
def test_look__pip_installed_without_cuda__says_which_wheels_bring_it(prefix: Path, has_pip: bool) -> None:
    """A virtual environment that uv made has no pip: then the command is uv's."""
    shutil.rmtree(prefix / SITE / "nvidia" / "cublas")
    if has_pip:
        (prefix / SITE / "pip-24.0.dist-info").mkdir()
        (prefix / SITE / "pip-24.0.dist-info" / "METADATA").write_text("Name: pip\nVersion: 24.0\n")
    _, found = look(prefix)
    python = prefix / "bin" / "python"
    install = f"{python} -m pip install" if has_pip else f"uv pip install --python {python}"
    assert found[0].fix == f"run `{install} nvidia-cublas-cu11`, then `gpuenv doctor --fix`"


def test_look__plain_tensorflow_in_a_virtual_environment__one_command_brings_everything(prefix: Path) -> None:
    for path in (prefix / SITE).glob("nvidia*"):
        shutil.rmtree(path)
    (prefix / "pyvenv.cfg").write_text("home = /usr/bin\n")
    _, found = look(prefix)
    assert found[0].rule == "env.library-missing"
    assert found[0].fix == f"run `gpuenv add -p {prefix} --tensorflow 2.4`, which brings and links them"


def test_conda_doctor__environment_of_others__same_rules(prefix: Path) -> None:
    from gpuenv.in_conda.health import findings

    assert "gpuenv did not make this environment" in findings(prefix, verbose=False)[0]
    BROKEN["conda's build for the processor"].break_it(prefix)
    said = findings(prefix, verbose=False)
    assert "is a build for the processor (`mkl_py38hd44d83a_0`): it will never use a GPU." in said[0]
    assert said[1] == "  run `conda gpuenv create -n env-gpu` for an environment with a GPU build."


def test_look__no_framework__nothing_to_say(tmp_path: Path) -> None:
    (tmp_path / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    link(tmp_path / "bin" / "python", Path(sys.executable))
    environment, found = look(tmp_path)
    assert (environment.kind, environment.python_version, found) == ("python", "3.11", [])


def test_look__system_python__is_read() -> None:
    if not list(Path("/usr/lib").glob("python3*")):
        pytest.skip("install a Python of the system to run this")
    environment, _ = look(Path("/usr"))
    assert environment.kind == "python"


def test_read_environment__no_python__target_error(tmp_path: Path) -> None:
    from gpuenv.errors import TargetError

    with pytest.raises(TargetError, match="has no Python"):
        read_environment(tmp_path, {})
    with pytest.raises(TargetError, match="does not exist"):
        read_environment(tmp_path / "nothing", {})
