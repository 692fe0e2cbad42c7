from __future__ import annotations

import os
from pathlib import Path

import pytest

from gpuenv.activate import _gpuenv_startup as startup
from gpuenv.activate import activate
from gpuenv.model import Variable
from real_shells import make_environment, started

RECEIPT = "etc/gpuenv/receipt.json"


def test_startup__environment_was_moved__values_name_the_new_place(tmp_path: Path) -> None:
    environment = make_environment(tmp_path / "old")
    moved = environment.prefix.rename(tmp_path / "new place")
    found = started(moved / "bin" / "python")
    assert found["CUDA_CACHE_PATH"] == f"{moved}/var/gpuenv/compute-cache"
    assert f"'{moved}/lib/" in found["XLA_FLAGS"]


def test_startup__started_from_a_python_of_another_environment__values_are_its_own(tmp_path: Path) -> None:
    """As a Jupyter of one environment does with the kernel of another."""
    first, second = make_environment(tmp_path / "first"), make_environment(tmp_path / "second")
    found = started(second.built.python, **started(first.built.python))
    assert found["CUDA_CACHE_PATH"] == f"{second.prefix}/var/gpuenv/compute-cache"
    assert found["XLA_FLAGS"].endswith(f" --xla_gpu_cuda_data_dir={second.cuda.cuda_dir}")


@pytest.mark.parametrize(
    ("mode", "template", "windows", "expected"),
    [
        ("default", "LAZY", False, "LAZY"),
        ("default", "{prefix}/var/x", False, "/p/var/x"),
        ("default", "{prefix}/var/x", True, "/p\\var\\x"),
        ("default", "a/b", True, "a/b"),
        ("default", "{other} {}", False, "{other} {}"),
        ("flag", "--f={cuda_dir}", False, "--f=/c"),
        ("flag", "--f={cuda_dir}/a b", False, "--f='/c/a b'"),
        ("flag", "--f={cuda_dir}/it's", False, "--f=/c/it's"),
        ("flag", "--f={cuda_dir}/it's a", False, '--f="/c/it\'s a"'),
        ("flag", '--f={cuda_dir}/"it\'s" \\', False, '--f="/c/\\"it\'s\\" \\\\"'),
        ("flag", "--f='x'", False, "--f=\"'x'\""),
        ("flag", "--f", False, "--f"),
    ],
)
def test_expand__template__places_are_filled_in(mode: str, template: str, expected: str, *, windows: bool) -> None:
    assert startup.expand(mode, template, "/p", "/c", windows) == expected


def test_expand__no_cuda_tools__none_only_where_they_are_named() -> None:
    assert startup.expand("flag", "--f={cuda_dir}", "/p", None, False) is None
    assert startup.expand("default", "{prefix}", "/p", None, False) == "/p"


@pytest.mark.parametrize(
    ("mode", "old", "expected"),
    [
        ("default", None, "--k=v"),
        ("default", "", None),
        ("default", "own", None),
        ("flag", None, "--k=v"),
        ("flag", "", "--k=v"),
        ("flag", " \t", "--k=v"),
        ("flag", "--a", "--a --k=v"),
        ("flag", " --a=1", " --a=1 --k=v"),
        ("flag", "--a --k=mine", None),
        ("flag", "--a\t--k=mine", None),
        ("flag", "--k --a", None),
        ("flag", "--k2=mine", "--k2=mine --k=v"),
        ("flag", "flags.txt", None),
        ("path", None, "--k=v"),
        ("path", "", "--k=v"),
        ("path", "/a:/b", "--k=v:/a:/b"),
        ("path", "/a:--k=v", None),
        ("path", "/a:--k=v2", "--k=v:/a:--k=v2"),
    ],
)
def test_changed__own_value__is_never_overridden(mode: str, old: str | None, expected: str | None) -> None:
    assert startup.changed(mode, "--k=v", old, "/p", ":") == expected


def test_foreign__path_in_another_environment_of_gpuenv__true_only_there(tmp_path: Path) -> None:
    receipt = tmp_path / "env" / RECEIPT
    receipt.parent.mkdir(parents=True)
    receipt.write_text("{}")
    inside = f"{tmp_path}/env/var/gpuenv/compute-cache"
    assert startup.foreign(inside, "/somewhere/else")
    assert startup.foreign(f"'{inside}'", "/somewhere/else")
    assert not startup.foreign(inside, str(tmp_path / "env"))
    assert not startup.foreign(f"{tmp_path}/other", "/somewhere/else")
    assert not startup.foreign("relative/path", "/somewhere/else")
    assert not startup.foreign("", "/somewhere/else")


def test_startup__written_again_in_the_same_second__new_values_count(tmp_path: Path) -> None:
    environment = make_environment(tmp_path / "env", {"A_VALUE": Variable(value="one")})
    assert started(environment.built.python)["A_VALUE"] == "one"
    startup_file = environment.built.site_packages / "_gpuenv_startup.py"
    times = startup_file.stat()
    activate(environment.built, {"A_VALUE": Variable(value="two")}, environment.cuda)
    os.utime(startup_file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert started(environment.built.python)["A_VALUE"] == "two"
