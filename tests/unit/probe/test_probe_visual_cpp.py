from __future__ import annotations

from pathlib import Path

import pytest

from gpuenv.model import Fact, Host
from gpuenv.probe import visual_cpp
from gpuenv.probe.windows import system_dir, with_runtime
from made_binaries import make_dll
from recorded_windows import WOW_RUNTIME, RecordedRegistry, State, runtime

WHOLE = ("msvcp140.dll", "msvcp140_1.dll", "vcruntime140.dll", "vcruntime140_1.dll")
V2019, V2019_FIRST, V2015 = (14, 29, 30133, 0), (14, 20, 27508, 1), (14, 0, 24215, 1)


def system_with(tmp_path: Path, version: tuple[int, int, int, int], names: tuple[str, ...] = WHOLE) -> Path:
    system = tmp_path / "System32"
    system.mkdir()
    for name in names:
        make_dll(system / name, version=version)
    return system


@pytest.mark.parametrize(
    ("state", "version"),
    [
        (runtime("14.29.30133.0"), "14.29.30133.0"),
        (runtime("14.29.30133.0", key=WOW_RUNTIME), "14.29.30133.0"),
        (runtime("14.29.30133.0", installed=0), None),
        ({}, None),
    ],
    ids=["64-bit key", "Wow6432Node", "taken off", "never installed"],
)
def test_registered__recorded_states__version_or_none(state: State, version: str | None) -> None:
    assert visual_cpp.registered(RecordedRegistry(state)) == version


def test_with_runtime__2019__two_facts_and_nothing_wrong(tmp_path: Path) -> None:
    system = system_with(tmp_path, V2019)
    host = with_runtime(Host("win-64"), RecordedRegistry(runtime("14.29.30133.0")), system)
    assert host.facts == (
        Fact("visual_cpp", "14.29.30133.0", "registry"),
        Fact("visual_cpp", "14.29.30133.0", str(system / "msvcp140.dll")),
    )
    assert host.notes == ()


@pytest.mark.parametrize(
    ("names", "version", "state", "code", "said"),
    [
        ((), V2019, {}, "visual-cpp.missing", "no more of Visual Studio is needed"),
        (("vcruntime140.dll",), V2019, {}, "visual-cpp.missing", "no Visual C++ runtime"),
        (
            WHOLE[:1],
            V2019,
            {},
            "visual-cpp.broken",
            "a part is there, `msvcp140_1.dll`, `vcruntime140_1.dll` are missing",
        ),
        ((), V2019, runtime("14.29.30133.0"), "visual-cpp.broken", "14.29.30133.0 is registered"),
        (WHOLE[:3], V2019, runtime("14.29.30133.0"), "visual-cpp.broken", "`vcruntime140_1.dll` is missing"),
        (WHOLE[:3], V2015, runtime("14.0.24215.1"), "visual-cpp.old", "(14.27): `msvcp140.dll` 14.0.24215.1"),
        (WHOLE, V2019_FIRST, {}, "visual-cpp.old", "`msvcp140.dll` 14.20.27508.1"),
    ],
    ids=["nothing", "only python's", "a part", "registered, files gone", "one file gone", "2015", "first of 2019"],
)
def test_with_runtime__something_is_wrong__note_says_what(
    tmp_path: Path, names: tuple[str, ...], version: tuple[int, int, int, int], state: State, code: str, said: str
) -> None:
    host = with_runtime(Host("win-64"), RecordedRegistry(state), system_with(tmp_path, version, names))
    (note,) = host.notes
    assert note.code == code
    assert said in note.message
    assert note.hint is not None
    assert "vc_redist.x64.exe" in note.hint


def test_in_files__no_dll_at_all__has_no_version(tmp_path: Path) -> None:
    (tmp_path / "msvcp140.dll").write_bytes(b"not a DLL")
    assert visual_cpp.in_files(tmp_path) == {"msvcp140.dll": None}


def test_system_dir__variable__is_obeyed() -> None:
    assert system_dir({"SystemRoot": "/w"}) == Path("/w/System32")
