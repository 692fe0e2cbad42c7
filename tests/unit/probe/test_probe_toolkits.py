from __future__ import annotations

from pathlib import Path

import pytest

from gpuenv.model import Fact, Host, Overrides
from gpuenv.probe import toolkits, windows

CUDNN_8 = "#define CUDNN_MAJOR 8\n#define CUDNN_MINOR 0\n#define CUDNN_PATCHLEVEL 4\n"


def add_toolkit(directory: Path, *, txt: str | None = None, json: str | None = None, cudnn: str | None = None) -> Path:
    directory.mkdir(parents=True)
    if txt is not None:
        (directory / "version.txt").write_text(txt)
    if json is not None:
        (directory / "version.json").write_text(json)
    if cudnn is not None:
        (directory / "include").mkdir()
        (directory / "include/cudnn_version.h").write_text(cudnn)
    return directory


def test_find_toolkits__several_toolkits__each_once_with_version_and_cudnn(tmp_path: Path) -> None:
    local = tmp_path / "usr/local"
    old = add_toolkit(local / "cuda-11.0", txt="CUDA Version 11.0.228\n", cudnn=CUDNN_8)
    new = add_toolkit(local / "cuda-11.8", json='{"cuda": {"name": "CUDA SDK", "version": "11.8.20220929"}}')
    add_toolkit(local / "cuda-12.0")  # removed by hand: no version file
    (local / "cuda").symlink_to(old)
    found = list(
        map(toolkits.toolkit_fact, toolkits.find_toolkits(tmp_path, {"CUDA_HOME": str(local / "cuda")}, windows=False))
    )
    assert found == [
        Fact("cuda_toolkit", f"11.0.228 at {old} (cuDNN 8.0.4)", "version.txt"),
        Fact("cuda_toolkit", f"11.8.20220929 at {new}", "version.json"),
    ]


def test_find_toolkits__windows__looks_in_program_files_and_versioned_variables(tmp_path: Path) -> None:
    usual = add_toolkit(tmp_path / "Programs/NVIDIA GPU Computing Toolkit/CUDA/v11.2", txt="CUDA Version 11.2.1\n")
    other = add_toolkit(tmp_path / "D/CUDA11", txt="CUDA Version 11.0.228\n")
    environ = {"ProgramFiles": str(tmp_path / "Programs"), "CUDA_PATH_V11_0": str(other)}
    found = list(map(toolkits.toolkit_fact, toolkits.find_toolkits(tmp_path, environ, windows=True)))
    assert [fact.value for fact in found] == [f"11.0.228 at {other}", f"11.2.1 at {usual}"]


def test_find_toolkits__variable_names_nothing__gives_none(tmp_path: Path) -> None:
    assert toolkits.find_toolkits(tmp_path, {"CUDA_PATH": "/nowhere", "CUDA_HOME": ""}, windows=False) == ()


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('{"cuda": {"version": "11.8.20220929"}}', "11.8.20220929"),
        ('{"cuda": {"version": 11.8}}', None),
        ('{"cuda": []}', None),
        ("[]", None),
        ("{", None),
        ("", None),
    ],
)
def test_parse_version_json__text__gives_version_or_none(text: str, version: str | None) -> None:
    assert toolkits.parse_version_json(text) == version


@pytest.mark.parametrize(
    ("text", "version"),
    [(CUDNN_8, "8.0.4"), ("#define CUDNN_MAJOR 8\n#define CUDNN_MINOR 0\n", None), ("", None)],
    ids=["whole", "cut off", "empty"],
)
def test_parse_cudnn_header__text__gives_version_or_none(text: str, version: str | None) -> None:
    assert toolkits.parse_cudnn_header(text) == version


def test_cudnn_version__cudnn_7__is_in_the_old_header(tmp_path: Path) -> None:
    (tmp_path / "include").mkdir()
    (tmp_path / "include/cudnn.h").write_text(CUDNN_8.replace("MAJOR 8", "MAJOR 7").replace("MINOR 0", "MINOR 6"))
    assert toolkits.cudnn_version(tmp_path) == "7.6.4"


def test_dll_facts__some_there__tells_each(tmp_path: Path) -> None:
    system, tools = tmp_path / "Windows/System32", tmp_path / "tools"
    for path in (system / "msvcp140.dll", tools / "zlibwapi.dll"):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"MZ")
    environ = {"SystemRoot": str(tmp_path / "Windows"), "PATH": f"C:/nowhere;{tools}"}
    found = Host("win-64", facts=tuple(windows.dll_facts(environ)))
    assert found.fact("dll:msvcp140.dll") is True
    assert found.fact("dll:msvcp140_1.dll") is False
    assert found.fact("dll:zlibwapi.dll") is True
    assert found.facts[-1].source == str(tools)


def test_run__not_windows__adds_no_dll_facts() -> None:
    host = Host("linux-64")
    assert windows.run(host, Overrides()) == host
    assert len(windows.run(Host("win-64"), Overrides()).facts) == 3
