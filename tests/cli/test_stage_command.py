"""`gpuenv stage`, `unstage` and `create --cuda-from toolkit`, with small libraries under NVIDIA's names."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from made_toolkit import (
    LINUX_NAME,
    PARTS,
    make_cudnn,
    make_toolkit,
    make_windows_cudnn,
    make_windows_toolkit,
    write_toolkit_recipe,
)
from small_stack import SmallStack, compile_library

Run = Callable[..., Any]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the small libraries are ELF; run on Linux")
TRUST = "--allow-any-hash"


def tree(directory: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        elif path.is_file():
            found[name] = (path.read_bytes(), stat.S_IMODE(path.stat().st_mode), path.stat().st_mtime_ns)
        else:
            found[name] = "directory"
    return found


@pytest.fixture
def toolkit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = make_toolkit(tmp_path / "cuda-11.0")
    monkeypatch.setenv("CUDA_PATH", str(made))
    return made


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return make_cudnn(tmp_path / "downloads", tmp_path / "build")


def test_stage__archive_into_toolkit__then_status_and_unstage(gpuenv: Run, toolkit: Path, archive: Path) -> None:
    (toolkit / "include" / "cudnn.h").write_bytes(b"an older one")
    before = tree(toolkit)
    planned = gpuenv("stage", "cudnn", "--into", "toolkit", "--archive", archive, "--dry-run", "--json")
    assert planned.document["status"] == "planned"
    assert planned.document["data"]["archives"][0]["name"] == LINUX_NAME
    assert tree(toolkit) == before
    ended = gpuenv("stage", "cudnn", "--into", "toolkit", "--archive", archive, TRUST)
    assert ended.code == 0, ended.err
    assert "THE HASH WAS NOT CHECKED" in ended.err
    for part in PARTS:
        assert os.readlink(toolkit / "lib64" / f"libcudnn{part}.so.8") == f"libcudnn{part}.so.8.0.4"
        assert (toolkit / "lib64" / f"libcudnn{part}.so").is_file()
    assert (toolkit / "include" / "cudnn.h").read_bytes() != b"an older one"
    assert not (toolkit / "lib64" / "libcudnn_static.a").exists()
    again = gpuenv("stage", "cudnn", "--into", "toolkit", "--archive", archive, TRUST)
    assert (again.code, "Staged already" in again.out) == (0, True)
    directories = gpuenv("stage", "--status", "--json").document["data"]["directories"]
    (one,) = [it for it in directories if it["directory"] == str(toolkit)]  # the machine may have others
    assert (one["archives"][0]["replaced"], one["archives"][0]["hash_checked"]) == (1, False)
    assert (one["archives"][0]["changed"], one["archives"][0]["absent"]) == ([], [])
    undone = gpuenv("unstage", "cudnn", "--toolkit-dir", toolkit)
    assert undone.code == 0, undone.err
    assert tree(toolkit) == before


def test_unstage__stage_was_killed_while_it_unpacked__nothing_is_left(gpuenv: Run, toolkit: Path) -> None:
    """Nothing is in the ledger then, but a part of the archive lies in the toolkit."""
    before = tree(toolkit)
    (toolkit / ".gpuenv" / "new" / "lib64").mkdir(parents=True)
    (toolkit / ".gpuenv" / "new" / "lib64" / "libcudnn.so.8.0.4").write_bytes(b"half of it")
    (toolkit / ".gpuenv" / "lock").touch()
    assert "unfinished" in gpuenv("stage", "--status", "--toolkit-dir", toolkit).out
    ended = gpuenv("unstage", "cudnn")
    assert (ended.code, "Put in order" in ended.out) == (0, True)
    assert tree(toolkit) == before
    assert gpuenv("unstage", "cudnn", "--toolkit-dir", toolkit).code == 8


def test_stage__into_an_environment_with_wheels_of_cuda__proven_with_them_and_nothing_is_left(
    gpuenv: Run, tmp_path: Path
) -> None:
    """cuDNN needs cuBLAS, which the environment has from a wheel."""
    prefix = tmp_path / "env"
    wheel = prefix / "lib" / "python3.8" / "site-packages" / "nvidia" / "cublas" / "lib"
    wheel.mkdir(parents=True)
    (prefix / "pyvenv.cfg").touch()
    before = tree(prefix)
    archive = make_cudnn(tmp_path / "downloads", tmp_path / "build", needs="libcublas.so.11")
    assert gpuenv("stage", "cudnn", "-p", prefix, "--archive", archive).code == 6  # not NVIDIA's hash
    assert tree(prefix) == before
    ended = gpuenv("stage", "cudnn", "-p", prefix, "--archive", archive, TRUST)
    assert (ended.code, "`libcublas.so.11`, which" in ended.err) == (7, True), ended.err
    compile_library("int cuda(void) { return 1; }", wheel / "libcublas.so.11")
    assert gpuenv("stage", "cudnn", "-p", prefix, "--archive", archive, TRUST).code == 0
    assert gpuenv("unstage", "cudnn", "-p", prefix).code == 0
    (wheel / "libcublas.so.11").unlink()
    assert tree(prefix) == before


def test_stage__not_nvidias_hash__exit_6_and_nothing_staged(gpuenv: Run, toolkit: Path, archive: Path) -> None:
    before = tree(toolkit)
    ended = gpuenv("stage", "cudnn", "--into", "toolkit", "--archive", archive, "--json")
    assert ended.code == 6
    (error,) = ended.document["errors"]
    assert "38a81a28952e314e21577432b0bab68357ef9de7f6c8858f721f78df9ee60c35" in error["cause"]
    assert tree(toolkit) == before


def test_stage__part_is_missing__static_proof_names_it(gpuenv: Run, toolkit: Path, tmp_path: Path) -> None:
    archive = make_cudnn(tmp_path / "other", tmp_path / "build", needs="libcublas.so.12")
    ended = gpuenv("stage", "cudnn", "--into", "toolkit", "--archive", archive, TRUST, "--json")
    assert (ended.code, ended.document["status"]) == (7, "partial")
    assert "`libcublas.so.12`, which `libcudnn" in ended.document["errors"][0]["cause"]
    assert gpuenv("unstage", "cudnn", "--into", "toolkit").code == 0


def test_stage__changed_by_somebody_since__reported_and_kept(gpuenv: Run, toolkit: Path, archive: Path) -> None:
    assert gpuenv("stage", "cudnn", "--into", "toolkit", "--archive", archive, TRUST).code == 0
    (toolkit / "include" / "cudnn.h").write_bytes(b"mine")
    status = gpuenv("stage", "--status", "--toolkit-dir", toolkit, "--json").document["data"]["directories"]
    assert status[0]["archives"][0]["changed"] == ["include/cudnn.h"]
    again = gpuenv("stage", "cudnn", "--into", "toolkit", "--archive", archive, TRUST)
    assert (again.code, "were changed since: `include/cudnn.h`" in again.err) == (8, True)
    undone = gpuenv("unstage", "cudnn", "--into", "toolkit", "--json")
    assert undone.code == 0
    assert len(undone.document["data"]["left"]) == 1
    assert (toolkit / "include" / "cudnn.h").read_bytes() == b"mine"


def test_stage__another_version_is_staged__refused(gpuenv: Run, toolkit: Path, archive: Path, tmp_path: Path) -> None:
    assert gpuenv("stage", "cudnn", "--into", "toolkit", "--archive", archive, TRUST).code == 0
    other = make_cudnn(tmp_path / "downloads", tmp_path / "build", "cudnn-11.0-linux-x64-v8.0.5.39.tgz")
    ended = gpuenv("stage", "cudnn", "--into", "toolkit", "--archive", other, TRUST)
    assert ended.code == 8
    assert "cudnn 8.0.4.30 for CUDA 11.0 is staged" in ended.err
    assert "`gpuenv unstage cudnn" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["stage", "cudnn"], 2, "nothing says where to"),
        (["stage", "cudnn", "-n", "nothing"], 8, "there is no environment"),
        (["stage", "cudnn", "--toolkit-dir", "/nowhere"], 8, "there is no directory"),
        (["stage", "cudnn", "--into", "toolkit", "--archive", "nothing.tgz"], 2, "there is no file"),
        (["stage", "cudnn", "--into", "toolkit", "--version", "1.2.3"], 2, "no archive of cuDNN 1.2.3"),
        (["stage", "cudnn", "--into", "toolkit", "--version", "10.1"], 2, "the newest for that CUDA: `--version 9."),
        (["stage", "cudnn", "--into", "toolkit", "--cuda", "12.0"], 2, "found 11.0.228 at"),
        (["stage", "cudnn", "--into", "env", "--toolkit-dir", "."], 2, "`--into env` and `--toolkit-dir`"),
        (["stage", "cudnn", "-p", "."], 8, "there is no environment"),
        (["stage"], 2, "nothing to stage is named"),
        (["unstage", "cudnn"], 2, "nothing says where to"),
        (["unstage", "cudnn", "--into", "toolkit"], 8, "no cudnn is staged"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_stage__mistakes__say_what_to_do(
    gpuenv: Run, toolkit: Path, arguments: list[str], code: int, said: str
) -> None:
    ended = gpuenv(*arguments)
    assert (ended.code, said in ended.err) == (code, True), ended.err
    assert "hint: " in ended.err or code == 8


def test_stage__archive_of_another_kind_or_platform__refused(
    gpuenv: Run, toolkit: Path, archive: Path, tmp_path: Path
) -> None:
    before = tree(toolkit)
    windows = make_windows_cudnn(tmp_path / "windows", tmp_path / "build-windows")
    for what, given, said in (
        ("cuda", archive, "is not of `cuda`"),
        ("cudnn", windows, "is for `win-64`, the toolkit at"),
    ):
        ended = gpuenv("stage", what, "--into", "toolkit", "--archive", given, TRUST)
        assert (ended.code, said in ended.err, "hint: " in ended.err) == (2, True, True), ended.err
    assert tree(toolkit) == before


def test_stage__no_archive_no_network_no_licence__says_each_in_turn(
    gpuenv: Run, toolkit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    asked = gpuenv("stage", "cudnn", "--into", "toolkit")
    assert (asked.code, "--accept-license" in asked.err) == (2, True)


def test_stage__windows_zip_into_a_windows_toolkit__staged_proven_and_restored(gpuenv: Run, tmp_path: Path) -> None:
    toolkit = make_windows_toolkit(tmp_path / "v11.0")
    (toolkit / "bin" / "cudnn64_8.dll").write_bytes(b"an older one")
    before = tree(toolkit)
    archive = make_windows_cudnn(tmp_path / "downloads", tmp_path / "build")
    ended = gpuenv("stage", "cudnn", "--toolkit-dir", toolkit, "--archive", archive, TRUST, "--json")
    assert ended.code == 0, ended.err + ended.out
    assert ended.document["data"]["problems"] == []
    assert len(list((toolkit / "bin").glob("cudnn*.dll"))) == 7
    assert not list((toolkit / "include").glob("*.dll"))
    assert len(list((toolkit / "lib" / "x64").glob("cudnn*.lib"))) == 14
    assert gpuenv("unstage", "cudnn", "--toolkit-dir", toolkit).code == 0
    assert tree(toolkit) == before


@pytest.mark.parametrize(
    ("versions", "needs", "said"),
    [
        ((4, 4, 5, 4, 4, 4, 4), "cublas64_11.dll", "are of different versions"),
        ((4,) * 7, "cublas64_12.dll", "`cublas64_12.dll`, which `cudnn"),
    ],
    ids=["mixed", "library missing"],
)
def test_stage__windows_zip_is_not_whole__static_proof_names_it(
    gpuenv: Run, tmp_path: Path, versions: tuple[int, ...], needs: str, said: str
) -> None:
    toolkit = make_windows_toolkit(tmp_path / "v11.0")
    archive = make_windows_cudnn(tmp_path / "downloads", tmp_path / "build", versions, needs)
    ended = gpuenv("stage", "cudnn", "--toolkit-dir", toolkit, "--archive", archive, TRUST, "--json")
    assert ended.code == 7
    assert said in ended.document["errors"][0]["cause"]


def test_create__cuda_from_toolkit__archive_goes_into_the_environment(
    gpuenv: Run, small_index: SmallStack, toolkit: Path, archive: Path, isolated: Path
) -> None:
    recipe = write_toolkit_recipe(small_index)
    before = tree(toolkit)
    options = ("--recipe", recipe, "--cuda-from", "toolkit", "--archive", archive, "--gpu", "8.6", "--yes")
    refused = gpuenv("create", "-n", "tf", *options)
    assert refused.code == 6
    assert not (isolated / "data" / "envs" / "tf").exists()
    ended = gpuenv("create", "-n", "tf", *options, TRUST)
    assert ended.code == 0, ended.err
    assert "THE HASH WAS NOT CHECKED" in ended.err
    prefix = isolated / "data" / "envs" / "tf"
    (links,) = prefix.glob("lib/python3*/site-packages/tensorflow")
    assert (links / "libcudart.so.11.0").resolve() == toolkit / "lib64" / "libcudart.so.11.0"
    assert (links / "libcudnn_cnn_train.so.8").resolve().is_relative_to(prefix / "opt" / "gpuenv" / "cuda")
    assert tree(toolkit) == before
    assert gpuenv("verify", "-n", "tf", "files").code == 0
    status = gpuenv("stage", "--status", "-n", "tf", "--json").document["data"]["directories"]
    assert status[0]["archives"][0]["archive"] == LINUX_NAME
    receipt = json.loads((prefix / "etc" / "gpuenv" / "receipt.json").read_text())
    assert receipt["source"] == "toolkit"
    # The toolkit goes away: named, not guessed.
    toolkit.rename(toolkit.with_name("moved"))
    gone = gpuenv("verify", "-n", "tf", "files")
    assert (gone.code, f"the CUDA Toolkit at `{toolkit}` is gone" in gone.err) == (1, True)
    assert gpuenv("remove", "-n", "tf", "--yes").code == 0


def test_create__toolkit_has_a_fitting_cudnn__nothing_is_brought(
    gpuenv: Run, small_index: SmallStack, toolkit: Path, archive: Path, isolated: Path
) -> None:
    assert gpuenv("stage", "cudnn", "--into", "toolkit", "--archive", archive, TRUST).code == 0
    recipe = write_toolkit_recipe(small_index)
    ended = gpuenv("create", "-n", "tf", "--recipe", recipe, "--gpu", "8.6", "--yes")
    assert ended.code == 0, ended.err
    assert not (isolated / "data" / "envs" / "tf" / "opt" / "gpuenv" / "cuda").exists()


@pytest.mark.parametrize("found", [None, "11.8.0"], ids=["none", "another"])
def test_create__no_fitting_toolkit__says_what_was_found(
    gpuenv: Run, small_index: SmallStack, tmp_path: Path, found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if found is not None:
        monkeypatch.setenv("CUDA_PATH", str(make_toolkit(tmp_path / "cuda", found)))
    recipe = write_toolkit_recipe(small_index)
    ended = gpuenv("create", "-n", "tf", "--recipe", recipe, "--cuda-from", "toolkit", "--gpu", "8.6", "--yes")
    assert ended.code == 4
    assert f"needs an installed CUDA Toolkit 11.0, found {found or ''}" in ended.err
    assert "--toolkit-dir DIR" in ended.err
