from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from packaging.version import Version

from check_contexts import shipped_recipe
from gpuenv import process
from gpuenv.artifact_sources import PypiSource
from gpuenv.errors import GpuenvError, TargetError
from gpuenv.model import Built, CudaFiles, Manifest, Recipe, Source, StagedFile
from gpuenv.paths import dll_dir
from gpuenv.stage import plan_links, stage, unstage
from made_binaries import loader_source, make_dll, make_loader, mangled
from small_stack import compile_library

OPENED = {"CudaRuntime": ("11.0", "cudart"), "Cusolver": ("10", "cusolver"), "Cudnn": ("8", "cudnn")}
LIBRARY = "int one(void) { return 1; }"
CALL_LOADER = """
import ctypes, sys
print(ctypes.CDLL(sys.argv[1])[sys.argv[2]]())
print("\\n".join(sorted({line.split()[-1] for line in open("/proc/self/maps") if "/libcu" in line})))
"""


@pytest.fixture
def recipe() -> Recipe:
    """The shipped recipe, with the two libraries that cuDNN opens later in the small environment."""
    loaded = shipped_recipe()
    lazy = {"linux-64": ["libcudnn_ops_infer.so.8"], "win-64": ["cudnn_ops_infer64_8.dll"]}
    return msgspec.structs.replace(loaded, framework=msgspec.structs.replace(loaded.framework, lazy_libraries=lazy))


@pytest.fixture
def source(recipe: Recipe) -> Source:
    return recipe.sources["pypi"]


@pytest.fixture(scope="session")
def linux_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with a loader that opens three libraries, and the libraries in the layout of NVIDIA's wheels."""
    if shutil.which("gcc") is None:
        pytest.skip("install gcc to run this")
    prefix = tmp_path_factory.mktemp("linux") / "env"
    packages = prefix / "lib" / "python3.8" / "site-packages"
    flags = ("-Wl,--disable-new-dtags", "-Wl,-rpath,$ORIGIN/")
    make_loader(packages / "tensorflow" / "libtensorflow_framework.so.2", loader_source(OPENED, list(OPENED)), *flags)
    nvidia = packages / "nvidia"
    for name in ("cublas/lib/libcublasLt.so.11", "cudnn/lib/libcudnn.so.8", "cudnn/lib/libcudnn_ops_infer.so.8"):
        compile_library(LIBRARY, nvidia / name)
    for name in ("cuda_runtime/lib/libcudart.so.11.0", "cuda_runtime/lib/libOpenCL.so.1"):
        compile_library(LIBRARY, nvidia / name)
    cublas_lt, cublas = nvidia / "cublas/lib/libcublasLt.so.11", nvidia / "cublas/lib/libcublas.so.11"
    compile_library(LIBRARY, cublas, "-Wl,--no-as-needed", str(cublas_lt), "-Wl,-rpath,$ORIGIN")
    cusolver = nvidia / "cusolver/lib/libcusolver.so.11"
    search = "-Wl,-rpath,$ORIGIN:$ORIGIN/../../cublas/lib"
    compile_library(LIBRARY, cusolver, "-Wl,--no-as-needed", str(cublas), search, f"-Wl,-rpath-link,{cublas.parent}")
    return prefix


@pytest.fixture
def linux(linux_tree: Path, tmp_path: Path) -> Built:
    prefix = tmp_path / "env"
    shutil.copytree(linux_tree, prefix)
    return Built(prefix, prefix / "bin/python", Version("3.8.18"), prefix / "lib/python3.8/site-packages", "linux-64")


@pytest.fixture
def windows(tmp_path: Path, recipe: Recipe) -> Built:
    prefix = tmp_path / "env"
    nvidia = prefix / "Lib" / "site-packages" / "nvidia"
    for name in (
        "cudart64_110",
        "cufft64_10",
        "curand64_10",
        "cusparse64_11",
        "cudnn64_8",
        "cublasLt64_11",
        "nvblas64_11",
    ):
        make_dll(nvidia / "some" / "bin" / f"{name}.dll", ["KERNEL32.dll"], version=(1, 2, 3, len(name)))
    make_dll(nvidia / "some" / "bin" / "cublas64_11.dll", ["cublasLt64_11.dll"])
    make_dll(nvidia / "some" / "bin" / "cusolver64_11.dll", ["CUBLAS64_11.dll", "cusolverMg64_11.dll"])
    make_dll(nvidia / "some" / "bin" / "cusolverMg64_11.dll", ["KERNEL32.dll"])
    make_dll(nvidia / "some" / "bin" / "cudnn_ops_infer64_8.dll", ["nvrtc64_112_0.dll"])
    return Built(prefix, prefix / "Scripts/python.exe", Version("3.8.10"), prefix / "Lib/site-packages", "win-64")


def located(built: Built, source: Source) -> CudaFiles:
    return PypiSource().locate(built, source)


def links_in(directory: Path) -> dict[str, str]:
    return {path.name: os.readlink(path) for path in sorted(directory.iterdir()) if path.is_symlink()}


def everything(prefix: Path) -> set[str]:
    return {str(path.relative_to(prefix)) for path in prefix.rglob("*")}


def test_stage__conda_packages__the_compilers_libraries_beside_cuda_are_not_linked(
    linux: Built, recipe: Recipe, source: Source
) -> None:
    library_dir = linux.prefix / "lib"
    for path in (linux.site_packages / "nvidia").rglob("lib*.so*"):
        path.rename(library_dir / path.name)
    compile_library(LIBRARY, library_dir / "libstdc++.so.6")
    cudnn = library_dir / "libcudnn.so.8"
    compile_library(LIBRARY, cudnn, "-Wl,--no-as-needed", str(library_dir / "libstdc++.so.6"))
    stage(linux, recipe, source, CudaFiles((library_dir,), None))
    links = links_in(linux.site_packages / "tensorflow")
    assert links["libcudnn.so.8"] == "../../../libcudnn.so.8"
    assert {"libcublas.so.11", "libcublasLt.so.11"} <= links.keys()
    assert "libstdc++.so.6" not in links


def test_stage__conda_packages_on_windows__one_directory_of_hard_links(
    windows: Built, recipe: Recipe, source: Source
) -> None:
    library_dir = windows.prefix / "Library" / "bin"
    library_dir.parent.mkdir()
    (windows.site_packages / "nvidia" / "some" / "bin").rename(library_dir)
    manifest = stage(windows, recipe, source, CudaFiles((library_dir,), None))
    assert {file.target for file in manifest.files if file.path.endswith("cudnn64_8.dll")} == {
        "Library/bin/cudnn64_8.dll"
    }
    assert (dll_dir(windows.prefix) / "cudnn64_8.dll").samefile(library_dir / "cudnn64_8.dll")


def test_stage__linux__relative_links_to_what_is_needed_and_no_more(
    linux: Built, recipe: Recipe, source: Source
) -> None:
    manifest = stage(linux, recipe, source, located(linux, source))
    expected = {
        "libcublas.so.11": "../nvidia/cublas/lib/libcublas.so.11",
        "libcublasLt.so.11": "../nvidia/cublas/lib/libcublasLt.so.11",
        "libcudart.so.11.0": "../nvidia/cuda_runtime/lib/libcudart.so.11.0",
        "libcudnn.so.8": "../nvidia/cudnn/lib/libcudnn.so.8",
        "libcudnn_ops_infer.so.8": "../nvidia/cudnn/lib/libcudnn_ops_infer.so.8",
        "libcusolver.so.10": "../nvidia/cusolver/lib/libcusolver.so.11",
    }
    assert expected == links_in(linux.site_packages / "tensorflow")
    packages = "lib/python3.8/site-packages"
    target = f"{packages}/nvidia/cuda_runtime/lib/libcudart.so.11.0"
    assert manifest.files[0] == StagedFile(f"{packages}/tensorflow/libcudart.so.11.0", "symlink", target=target)
    assert len(manifest.files) == len(expected)


def test_stage__linux__the_loader_really_opens_all_without_variables(
    linux: Built, recipe: Recipe, source: Source
) -> None:
    loader = linux.site_packages / "tensorflow" / "libtensorflow_framework.so.2"
    command = [sys.executable, "-c", CALL_LOADER, loader, mangled("TryDlopenCUDALibraries")]
    before = process.run(command, env={})
    stage(linux, recipe, source, located(linux, source))
    after = process.run(command, env={})
    (linux.site_packages / "tensorflow" / "libcusolver.so.10").unlink()
    without_bridge = process.run(command, env={})
    assert [ended.stdout.split("\n")[0] for ended in (before, after, without_bridge)] == ["0", "3", "2"]
    mapped = {Path(line).name for line in after.stdout.split("\n")[1:] if line}
    needed = {"libcublas.so.11", "libcublasLt.so.11"}
    assert {"libcudart.so.11.0", "libcusolver.so.11", "libcudnn.so.8"} | needed == mapped


def test_stage__loader_names_the_directories_of_the_wheels_but_one__only_that_ones_library_is_linked(
    linux: Built, recipe: Recipe, source: Source
) -> None:
    """TensorFlow 2.21 is such: its search path has every directory but cuSOLVER's, and none of its own."""
    loader = linux.site_packages / "tensorflow" / "libtensorflow_framework.so.2"
    named = ("nccl", "cuda_runtime", "cudnn", "cublas")
    search = ":".join([f"$ORIGIN/../../nvidia/{name}/lib:$ORIGIN/../nvidia/{name}/lib" for name in named])
    make_loader(loader, loader_source(OPENED, list(OPENED)), "-Wl,--enable-new-dtags", f"-Wl,-rpath,{search}")
    before = everything(linux.prefix)
    manifest = stage(linux, recipe, source, located(linux, source))
    # cuBLAS too, which cuSOLVER needs and looks for beside the link.
    linked = {Path(file.path).name for file in manifest.files}
    assert linked == {"libcusolver.so.10", "libcublas.so.11", "libcublasLt.so.11"}
    command = [sys.executable, "-c", CALL_LOADER, loader, mangled("TryDlopenCUDALibraries")]
    assert process.run(command, env={}).stdout.split("\n")[0] == "3"
    assert unstage(linux.prefix, manifest) == ()
    assert before == everything(linux.prefix)


def test_stage__environment_is_moved__links_still_hold(linux: Built, recipe: Recipe, source: Source) -> None:
    stage(linux, recipe, source, located(linux, source))
    moved = linux.prefix.rename(linux.prefix.with_name("moved"))
    links = [path for path in moved.rglob("*") if path.is_symlink()]
    assert len(links) == 6
    assert all(path.resolve(strict=True).is_relative_to(moved) for path in links)


@pytest.mark.parametrize("which", ["linux", "windows"])
def test_stage__twice__same_as_once(which: str, recipe: Recipe, source: Source, request: pytest.FixtureRequest) -> None:
    built = request.getfixturevalue(which)
    first = stage(built, recipe, source, located(built, source))
    tree = everything(built.prefix)
    assert first == stage(built, recipe, source, located(built, source))
    assert tree == everything(built.prefix)


@pytest.mark.parametrize("which", ["linux", "windows"])
def test_unstage__after_stage__everything_is_as_before(
    which: str, recipe: Recipe, source: Source, request: pytest.FixtureRequest
) -> None:
    built = request.getfixturevalue(which)
    before = everything(built.prefix)
    manifest = stage(built, recipe, source, located(built, source))
    assert before != everything(built.prefix)
    assert unstage(built.prefix, manifest) == ()
    assert before == everything(built.prefix)
    assert unstage(built.prefix, manifest) == ()


def test_stage__windows__one_directory_with_hard_links_and_the_bridge(
    windows: Built, recipe: Recipe, source: Source
) -> None:
    manifest = stage(windows, recipe, source, located(windows, source))
    directory, origin = dll_dir(windows.prefix), windows.site_packages / "nvidia" / "some" / "bin"
    names = {path.name for path in directory.iterdir()}
    needed_in_turn = {"cusolverMg64_11.dll"}
    lazy = {"cudnn_ops_infer64_8.dll"}
    assert set(recipe.framework.libraries["win-64"]) | lazy | needed_in_turn == names
    assert (directory / "cusolver64_10.dll").samefile(origin / "cusolver64_11.dll")
    assert {file.kind for file in manifest.files} == {"hardlink"}
    bridge = next(file for file in manifest.files if file.path.endswith("cusolver64_10.dll"))
    assert bridge.path == "opt/gpuenv/bin/cusolver64_10.dll"
    assert bridge.target == "Lib/site-packages/nvidia/some/bin/cusolver64_11.dll"


def test_stage__hard_links_cannot_be_made__copies(
    windows: Built, recipe: Recipe, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    manifest = stage(windows, recipe, source, located(windows, source))
    assert {file.kind for file in manifest.files} == {"copy"}
    assert manifest == stage(windows, recipe, source, located(windows, source))
    assert unstage(windows.prefix, manifest) == ()
    assert not dll_dir(windows.prefix).exists()


def test_plan_links__source_has_the_name_itself__alias_is_not_used(
    linux: Built, recipe: Recipe, source: Source
) -> None:
    own = linux.site_packages / "nvidia" / "cusolver" / "lib" / "libcusolver.so.10"
    compile_library(LIBRARY, own)
    planned = plan_links(linux, recipe, source, located(linux, source))
    assert own in [linux.prefix / str(file.target) for file in planned]


def test_plan_links__libraries_outside_the_environment__absolute(
    linux: Built, recipe: Recipe, source: Source, tmp_path: Path
) -> None:
    toolkit = tmp_path / "toolkit" / "lib64"
    toolkit.mkdir(parents=True)
    for directory in located(linux, source).library_dirs:
        for library in directory.iterdir():
            library.rename(toolkit / library.name)
    manifest = stage(linux, recipe, source, CudaFiles((toolkit,), None))
    assert manifest.files[0].target == str(toolkit / "libcudart.so.11.0")
    assert links_in(linux.site_packages / "tensorflow")["libcudart.so.11.0"] == str(toolkit / "libcudart.so.11.0")
    assert unstage(linux.prefix, manifest) == ()
    assert (toolkit / "libcudart.so.11.0").exists()


def test_plan_links__names_are_not_in_the_loader__those_of_the_recipe(
    linux: Built, recipe: Recipe, source: Source
) -> None:
    loader = linux.site_packages / "tensorflow" / "libtensorflow_framework.so.2"
    compile_library(LIBRARY, loader, "-Wl,-rpath,$ORIGIN/")
    listed = {"linux-64": ["libcudart.so.11.0"]}
    changed = msgspec.structs.replace(
        recipe, framework=msgspec.structs.replace(recipe.framework, libraries=listed, lazy_libraries={})
    )
    planned = plan_links(linux, changed, source, located(linux, source))
    assert [Path(file.path).name for file in planned] == ["libcudart.so.11.0"]


@pytest.mark.parametrize(
    ("rpath", "expected"),
    [
        pytest.param("$ORIGIN/../lib:$ORIGIN/", "tensorflow", id="its-own-first"),
        pytest.param("/usr/lib:$ORIGIN/../lib", "lib", id="another-inside"),
    ],
)
def test_plan_links__search_path_of_several__a_directory_inside_the_environment(
    linux: Built, recipe: Recipe, source: Source, rpath: str, expected: str
) -> None:
    loader = linux.site_packages / "tensorflow" / "libtensorflow_framework.so.2"
    make_loader(loader, loader_source(OPENED, list(OPENED)), f"-Wl,-rpath,{rpath}")
    planned = plan_links(linux, recipe, source, located(linux, source))
    assert {linux.prefix / Path(file.path).parent for file in planned} == {linux.site_packages / expected}


@pytest.mark.parametrize(
    "rpath", ["", "/usr/lib", "$ORIGIN/../../../../../elsewhere"], ids=["none", "fixed", "outside"]
)
def test_plan_links__loader_searches_nowhere_inside__error_with_what_it_has(
    linux: Built, recipe: Recipe, source: Source, rpath: str
) -> None:
    loader = linux.site_packages / "tensorflow" / "libtensorflow_framework.so.2"
    make_loader(loader, loader_source(OPENED, list(OPENED)), *([f"-Wl,-rpath,{rpath}"] if rpath else []))
    with pytest.raises(GpuenvError, match="no search path inside the environment") as caught:
        plan_links(linux, recipe, source, located(linux, source))
    assert (rpath or "none") in str(caught.value.cause)


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        pytest.param("cudnn/lib/libcudnn_ops_infer.so.8", "libcudnn_ops_infer.so.8", id="opened-later"),
        pytest.param("cusolver/lib/libcusolver.so.11", "libcusolver.so.10", id="behind-the-alias"),
        pytest.param("cudnn/lib/libcudnn.so.8", "libcudnn.so.8", id="opened-at-start"),
    ],
)
def test_stage__library_is_missing__error_names_it_and_nothing_is_made(
    linux: Built, recipe: Recipe, source: Source, lost: str, expected: str
) -> None:
    (linux.site_packages / "nvidia" / lost).unlink()
    before = everything(linux.prefix)
    cuda = located(linux, source)
    with pytest.raises(GpuenvError) as caught:
        stage(linux, recipe, source, cuda)
    assert caught.value.message == f"tensorflow 2.4.0 needs libraries that are not there: `{expected}`"
    assert str(cuda.library_dirs[0]) in str(caught.value.cause)
    assert before == everything(linux.prefix)


@pytest.mark.parametrize("kind", ["file", "other-link", "broken-link", "directory"])
def test_stage__something_foreign_is_in_the_way__error_and_it_stays(
    linux: Built, recipe: Recipe, source: Source, kind: str
) -> None:
    place = linux.site_packages / "tensorflow" / "libcudnn.so.8"
    if kind == "file":
        place.write_text("mine")
    elif kind == "directory":
        place.mkdir()
    else:
        place.symlink_to("libtensorflow_framework.so.2" if kind == "other-link" else "nowhere")
    before = everything(linux.prefix)
    with pytest.raises(TargetError, match=r"in the way: `lib/python3\.8/site-packages/tensorflow/libcudnn\.so\.8`"):
        stage(linux, recipe, source, located(linux, source))
    assert before == everything(linux.prefix)


@pytest.mark.parametrize("which", ["linux", "windows"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["disk", "ctrl-c"])
def test_stage__fails_half_way__nothing_is_left(
    which: str, error: BaseException, recipe: Recipe, source: Source, request: pytest.FixtureRequest
) -> None:
    built = request.getfixturevalue(which)
    before = everything(built.prefix)
    monkeypatch = request.getfixturevalue("monkeypatch")
    done: list[object] = []

    def fail_at_third(original: object) -> object:
        def link(*arguments: object, **options: object) -> object:
            done.append(arguments)
            if len(done) > 2:
                raise error
            return original(*arguments, **options)  # type: ignore[operator]

        return link

    monkeypatch.setattr(os, "symlink", fail_at_third(os.symlink))
    monkeypatch.setattr(os, "link", fail_at_third(os.link))
    monkeypatch.setattr(shutil, "copy2", fail_at_third(shutil.copy2))
    expected = GpuenvError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        stage(built, recipe, source, located(built, source))
    assert len(done) > 2
    assert before == everything(built.prefix)


def test_stage__recipe_has_no_loader_for_the_platform__error(linux: Built, recipe: Recipe, source: Source) -> None:
    with pytest.raises(GpuenvError, match=r"names no `framework\.loader` for platform `linux-aarch64`"):
        stage(replace(linux, platform="linux-aarch64"), recipe, source, located(linux, source))


def test_stage__loader_is_not_installed__error_names_the_file(linux: Built, recipe: Recipe, source: Source) -> None:
    (linux.site_packages / "tensorflow" / "libtensorflow_framework.so.2").unlink()
    with pytest.raises(GpuenvError, match=r"cannot read `.*libtensorflow_framework\.so\.2`"):
        stage(linux, recipe, source, located(linux, source))


@pytest.mark.parametrize("which", ["linux", "windows"])
def test_unstage__a_file_was_changed__message_and_only_that_stays(
    which: str, recipe: Recipe, source: Source, request: pytest.FixtureRequest
) -> None:
    built = request.getfixturevalue(which)
    before = everything(built.prefix)
    manifest = stage(built, recipe, source, located(built, source))
    changed = manifest.files[1].path
    (built.prefix / changed).unlink()
    (built.prefix / changed).write_text("mine")
    messages = unstage(built.prefix, manifest)
    assert messages == (f"`{changed}` is no longer the link that gpuenv made, left as it is",)
    assert (built.prefix / changed).read_text() == "mine"
    assert {path for path in everything(built.prefix) - before if (built.prefix / path).is_file()} == {changed}


def test_unstage__the_wheels_are_gone_already__links_go_too(linux: Built, recipe: Recipe, source: Source) -> None:
    manifest = stage(linux, recipe, source, located(linux, source))
    shutil.rmtree(linux.site_packages / "nvidia")
    assert unstage(linux.prefix, manifest) == ()
    assert links_in(linux.site_packages / "tensorflow") == {}


@pytest.mark.parametrize("path", ["../precious", "/precious"], ids=["upwards", "absolute"])
def test_unstage__manifest_names_something_outside__left_alone(tmp_path: Path, path: str) -> None:
    prefix = tmp_path / "env"
    prefix.mkdir()
    (tmp_path / "precious").symlink_to("anything")
    named = path if path.startswith("..") else str(tmp_path / "precious")
    messages = unstage(prefix, Manifest((StagedFile(named, "symlink", target="../anything"),)))
    assert len(messages) == 1
    assert (tmp_path / "precious").is_symlink()


def test_unstage__text_files_in_the_manifest__not_touched(tmp_path: Path) -> None:
    (tmp_path / "activate").write_text("text")
    assert unstage(tmp_path, Manifest((StagedFile("activate", "text", sha256="0"),))) == ()
    assert (tmp_path / "activate").exists()
