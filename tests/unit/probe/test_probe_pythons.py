from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from packaging.version import Version

from gpuenv.model import PythonInterpreter
from gpuenv.paths import receipt_path
from gpuenv.probe.python_candidates import Candidate, candidates, conda_prefixes
from gpuenv.probe.python_version import ask_version, parse_answer, read_version
from gpuenv.probe.pythons import find_pythons

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the trees built here have the layout of Unix: run on Linux")

ELF = b"\x7fELF, not really"


def install(prefix: Path, version: str) -> Path:
    """Lay out an interpreter as an installer does: `bin/python3.8`, and links to it."""
    minor = ".".join(version.split(".")[:2])
    program = prefix / "bin" / f"python{minor}"
    program.parent.mkdir(parents=True)
    program.write_bytes(ELF)
    program.chmod(0o755)
    for link in ("python", "python3"):
        (program.parent / link).symlink_to(program.name)
    return program


def add_conda_record(prefix: Path, version: str) -> None:
    (prefix / "conda-meta").mkdir()
    (prefix / f"conda-meta/python-{version}-h955ad1f_0.json").write_text("{}")
    (prefix / "conda-meta/python-dateutil-2.8.2-pyhd3eb1b0_0.json").write_text("{}")


def never(path: Path) -> Version | None:
    raise AssertionError(f"{path} was started although its version can be read")


def described(found: tuple[PythonInterpreter, ...]) -> list[tuple[str, str]]:
    return [(str(python.version), python.source) for python in found]


def test_find_pythons__all_kinds_of_installations__none_is_started(tmp_path: Path) -> None:
    home = tmp_path / "home"
    pyenv = install(home / ".pyenv/versions/3.8.18", "3.8.18")
    install(home / ".pyenv/versions/3.11.7", "3.11.7")
    uv = install(home / ".local/share/uv/python/cpython-3.9.21-linux-x86_64-gnu", "3.9.21")
    active, listed, beside = tmp_path / "active", tmp_path / "work/tf", tmp_path / "conda/envs/other"
    for prefix, version in ((active, "3.7.16"), (listed, "3.8.5"), (beside, "3.6.13"), (tmp_path / "conda", "3.12.4")):
        install(prefix, version)
        add_conda_record(prefix, version)
    (home / ".conda").mkdir()
    (home / ".conda/environments.txt").write_text(f"{listed}\n{tmp_path}/gone\n\n")
    environ = {"PATH": "", "CONDA_PREFIX": str(active), "CONDA_EXE": str(tmp_path / "conda/bin/conda")}
    found = find_pythons(candidates(environ, home), never)
    assert described(found) == [
        ("3.11.7", "pyenv"),
        ("3.9.21", "uv"),
        ("3.8.18", "pyenv"),
        ("3.12.4", "conda"),
        ("3.8.5", "conda"),
        ("3.7.16", "conda"),
        ("3.6.13", "conda"),
    ]
    assert str(pyenv) in [python.path for python in found]
    assert str(uv) in [python.path for python in found]


def test_find_pythons__conda_environment_that_gpuenv_made__is_left_out(tmp_path: Path) -> None:
    made = tmp_path / "envs" / "tf"
    install(made, "3.8.18")
    add_conda_record(made, "3.8.18")
    receipt_path(made).parent.mkdir(parents=True)
    receipt_path(made).write_text("{}")
    environ = {"PATH": str(made / "bin"), "CONDA_PREFIX": str(made), "PYENV_ROOT": "/nowhere"}
    assert find_pythons(candidates(environ, tmp_path / "home"), never) == ()


def test_find_pythons__variables_name_other_roots__are_used(tmp_path: Path) -> None:
    install(tmp_path / "pyenv/versions/3.8.18", "3.8.18")
    install(tmp_path / "uv/cpython-3.9.21-linux-x86_64-gnu", "3.9.21")
    environ = {"PYENV_ROOT": str(tmp_path / "pyenv"), "UV_PYTHON_INSTALL_DIR": str(tmp_path / "uv")}
    assert described(find_pythons(candidates(environ, tmp_path / "home"), never)) == [
        ("3.9.21", "uv"),
        ("3.8.18", "pyenv"),
    ]


def test_find_pythons__same_file_by_many_names__comes_once_from_the_tool(tmp_path: Path) -> None:
    program = install(tmp_path / ".pyenv/versions/3.8.18", "3.8.18")
    local = tmp_path / "local"
    local.mkdir()
    (local / "python3.8").symlink_to(program)
    environ = {"PATH": os.pathsep.join([str(local), str(program.parent), str(local)])}
    found = find_pythons(candidates(environ, tmp_path), never)
    assert found == (PythonInterpreter(str(program), Version("3.8.18"), "pyenv"),)


def test_find_pythons__shims_and_wrappers__are_skipped(tmp_path: Path) -> None:
    for directory in ("x/shims", "wrappers"):
        wrapper = tmp_path / directory / "python3.8"
        wrapper.parent.mkdir(parents=True)
        wrapper.write_text('#!/bin/sh\nexec pyenv exec python3.8 "$@"\n')
        wrapper.chmod(0o755)
    environ = {"PATH": f"{tmp_path}/x/shims{os.pathsep}{tmp_path}/wrappers"}
    assert find_pythons(candidates(environ, tmp_path), never) == ()


def test_find_pythons__virtual_environments__are_replaced_by_their_base(tmp_path: Path) -> None:
    base = install(tmp_path / ".pyenv/versions/3.8.18", "3.8.18")
    linked, copied, orphan = tmp_path / "linked", tmp_path / "copied", tmp_path / "orphan"
    for venv in (linked, copied, orphan):
        (venv / "bin").mkdir(parents=True)
        home = base.parent if venv != orphan else tmp_path / "gone"
        (venv / "pyvenv.cfg").write_text(f"home = {home}\nversion = 3.8.18\n")
    (linked / "bin/python").symlink_to(base)
    for venv in (copied, orphan):
        (venv / "bin/python").write_bytes(ELF)
        (venv / "bin/python").chmod(0o755)
    environ = {"PATH": os.pathsep.join(f"{venv}/bin" for venv in (linked, copied, orphan)), "PYENV_ROOT": "/nowhere"}
    found = find_pythons(candidates(environ, tmp_path / "home"), never)
    assert found == (PythonInterpreter(str(base), Version("3.8.18"), "path"),)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("python3.13t", id="without GIL"),
        pytest.param("pypy3.9", id="PyPy"),
        pytest.param("python3-config", id="a tool"),
    ],
)
def test_find_pythons__python_that_no_stack_can_use__is_left_out(tmp_path: Path, name: str) -> None:
    program = tmp_path / "opt/bin" / name
    program.parent.mkdir(parents=True)
    program.write_bytes(ELF)
    program.chmod(0o755)
    (program.parent / "python3").symlink_to(name)
    assert find_pythons(candidates({"PATH": str(program.parent)}, tmp_path), never) == ()


def test_find_pythons__version_unknown__asks_each_once_and_drops_the_silent(tmp_path: Path) -> None:
    talks = install(tmp_path / "a", "3.8.0")
    silent = install(tmp_path / "b", "3.9.0")
    asked: list[Path] = []

    def ask(path: Path) -> Version | None:
        asked.append(path)
        return Version("3.8.2") if path == talks else None

    environ = {"PATH": f"{talks.parent}{os.pathsep}{silent.parent}"}
    found = find_pythons(candidates(environ, tmp_path), ask)
    assert found == (PythonInterpreter(str(talks), Version("3.8.2"), "path"),)
    assert sorted(asked) == [talks, silent]


def test_find_pythons__pre_release__is_left_out(tmp_path: Path) -> None:
    program = install(tmp_path / "conda", "3.14.0")
    add_conda_record(tmp_path / "conda", "3.14.0rc1")
    assert find_pythons([Candidate(program, "conda")], never) == ()


def test_find_pythons__same_version_twice__sorted_by_source(tmp_path: Path) -> None:
    a, b = install(tmp_path / "a/3.8.18", "3.8.18"), install(tmp_path / "b/3.8.18", "3.8.18")
    found = find_pythons([Candidate(a, "pyenv"), Candidate(b, "conda")], never)
    assert described(found) == [("3.8.18", "conda"), ("3.8.18", "pyenv")]


def test_read_version__header__is_read(tmp_path: Path) -> None:
    program = install(tmp_path / "usr", "3.11.2")
    header = tmp_path / "usr/include/python3.11/patchlevel.h"
    header.parent.mkdir(parents=True)
    header.write_text('#define PY_MAJOR_VERSION\t3\n/* Version as a string */\n#define PY_VERSION      \t"3.11.2"\n')
    assert read_version(program) == Version("3.11.2")


@pytest.mark.parametrize(
    ("directory", "version"),
    [
        ("3.8.18", "3.8.18"),
        ("cpython-3.8.18-linux-x86_64-gnu", "3.8.18"),
        ("cpython@3.8.18/install", "3.8.18"),
        ("cpython-3.13.0+freethreaded-linux-x86_64-gnu", None),
        ("pypy3.9-7.3.11", None),
        ("3.8-dev", None),
        ("my-env", None),
    ],
)
def test_read_version__directory_name__tells_where_it_is_exact(
    tmp_path: Path, directory: str, version: str | None
) -> None:
    program = install(tmp_path / directory, "3.8.18")
    assert read_version(program) == (Version(version) if version else None)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("cpython 3.8.18 final\n", "3.8.18"),
        ("cpython 3.14.0 candidate\n", None),
        ("pypy 3.9.16 final\n", None),
        ("", None),
        ("Welcome to Python\n", None),
    ],
)
def test_parse_answer__text__gives_version_of_released_cpython(text: str, version: str | None) -> None:
    assert parse_answer(text) == (Version(version) if version else None)


def test_ask_version__this_python__says_its_version() -> None:
    expected = Version(".".join(map(str, sys.version_info[:3])))
    assert ask_version(Path(sys.executable).resolve()) == (expected if sys.version_info[3] == "final" else None)


def test_ask_version__interpreter_hangs__is_ended_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "python3.8"
    program.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr("gpuenv.probe.python_version.TIMEOUT_S", 0.1)
    started = time.monotonic()
    assert ask_version(program) is None
    assert time.monotonic() - started < 3.0


def test_ask_version__no_program__is_none(tmp_path: Path) -> None:
    broken = tmp_path / "python3.8"
    broken.write_bytes(ELF)
    broken.chmod(0o755)
    assert ask_version(broken) is None
    assert ask_version(tmp_path / "gone") is None


def test_conda_prefixes__nothing_set__is_empty(tmp_path: Path) -> None:
    assert conda_prefixes({}, tmp_path) == []
