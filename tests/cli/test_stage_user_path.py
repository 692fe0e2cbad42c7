"""`gpuenv stage --user-path` on a recorded registry.

Tests run on Linux too, so the toolkit is named as Windows names a share: `//tmp/...` is a whole path for both.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from gpuenv import registry
from gpuenv.model import Extracted
from gpuenv.paths import env_toolkit_dir
from gpuenv.registry import REG_EXPAND_SZ, Hive, Value
from gpuenv.settings import data_dir
from gpuenv.toolkit import Wanted, stage
from gpuenv.user_path import MACHINE, USER
from made_toolkit import make_windows_cudnn, make_windows_toolkit
from recorded_windows import RecordedRegistry
from small_stack import SmallStack

Run = Callable[..., Any]
BEFORE = Value(r"%USERPROFILE%\AppData\Local\Microsoft\WindowsApps;", REG_EXPAND_SZ)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="writes to no real registry; run on Linux")


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> RecordedRegistry:
    """The registry of a user with Windows' own PATH."""
    found = RecordedRegistry({(*USER, "Path"): BEFORE})
    monkeypatch.setattr(registry, "this_registry", lambda: found)
    return found


@pytest.fixture
def toolkit(tmp_path: Path) -> str:
    return f"/{make_windows_toolkit(tmp_path / 'v11.0')}"


@pytest.fixture
def command(tmp_path: Path, toolkit: str) -> tuple[str, ...]:
    archive = make_windows_cudnn(tmp_path / "downloads", tmp_path / "build")
    options = ("--toolkit-dir", toolkit, "--archive", str(archive), "--allow-any-hash", "--user-path")
    return ("stage", "cudnn", *options)


def test_user_path__staged_and_unstaged__path_is_as_it_was(
    gpuenv: Run, recorded: RecordedRegistry, toolkit: str, command: tuple[str, ...]
) -> None:
    planned = gpuenv(*command, "--dry-run")
    assert f"`{toolkit}/bin` goes first on your PATH" in planned.out
    assert recorded.read(*USER, "Path") == BEFORE
    ended = gpuenv(*command)
    assert ended.code == 0, ended.err
    assert recorded.read(*USER, "Path") == Value(f"{toolkit}/bin;{BEFORE.data}", REG_EXPAND_SZ)
    assert recorded.announced == 1
    assert "no reboot" in ended.out
    assert "`where cudnn64_8.dll`" in ended.out
    again = gpuenv(*command, "--json").document
    assert again["data"]["user_path"] == {
        "directory": f"{toolkit}/bin",
        "added": False,
        "hidden_by": [],
        "announced": True,
    }
    assert recorded.announced == 1
    undone = gpuenv("unstage", "cudnn", "--toolkit-dir", toolkit, "--json").document
    assert undone["data"]["off_path"] is True
    assert recorded.read(*USER, "Path") == BEFORE
    assert recorded.announced == 2


def test_user_path__machine_has_another_cudnn__warned_that_it_comes_first(
    gpuenv: Run, recorded: RecordedRegistry, command: tuple[str, ...], tmp_path: Path
) -> None:
    other = tmp_path / "v10.1" / "bin"
    other.mkdir(parents=True)
    (other / "cudnn64_8.dll").write_bytes(b"MZ")
    recorded.write(*MACHINE, "Path", Value(f"{tmp_path}/nowhere;{other}", REG_EXPAND_SZ))
    ended = gpuenv(*command, "--json")
    assert ended.document["data"]["user_path"]["hidden_by"] == [str(other)]
    assert any(f"`{other}` is on the machine's PATH" in warning for warning in ended.document["warnings"])


def test_user_path__registry_refuses__staged_exit_8_and_unstaged_later(
    gpuenv: Run, recorded: RecordedRegistry, toolkit: str, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(hive: Hive, key: str, name: str, value: Value) -> None:
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(recorded, "write", refuse)
    ended = gpuenv(*command, "--json")
    assert (ended.code, ended.document["status"]) == (8, "partial")
    assert "may not be written" in ended.document["errors"][0]["message"]
    assert len(list(Path(toolkit, "bin").glob("cudnn*.dll"))) == 7
    assert gpuenv("unstage", "cudnn", "--toolkit-dir", toolkit).code == 0
    assert recorded.read(*USER, "Path") == BEFORE


def test_user_path__taking_off_failed__the_next_unstage_does_it(
    gpuenv: Run, recorded: RecordedRegistry, toolkit: str, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gpuenv(*command).code == 0

    def refuse(hive: Hive, key: str, name: str, value: Value) -> None:
        raise PermissionError(13, "Access is denied")

    with monkeypatch.context() as patched:
        patched.setattr(recorded, "write", refuse)
        assert gpuenv("unstage", "cudnn", "--toolkit-dir", toolkit).code == 8
    ended = gpuenv("unstage", "cudnn", "--toolkit-dir", toolkit)
    assert (ended.code, "off your PATH" in ended.out) == (0, True)
    assert recorded.read(*USER, "Path") == BEFORE
    assert gpuenv("unstage", "cudnn", "--toolkit-dir", toolkit).code == 8


def test_user_path__parts_of_cuda_are_still_staged__stays_until_the_last_goes(
    gpuenv: Run, recorded: RecordedRegistry, toolkit: str, command: tuple[str, ...]
) -> None:
    def unpack(target: Path) -> Sequence[Extracted]:
        (target / "bin").mkdir(parents=True)
        (target / "bin" / "cufft64_10.dll").write_bytes(b"MZ")
        return [Extracted("bin/cufft64_10.dll", hashlib.sha256(b"MZ").hexdigest(), 2)]

    assert gpuenv(*command).code == 0
    stage(Path(toolkit), Wanted("libcufft", "10.9.0.58", "11.8", "libcufft.zip", "a" * 64), unpack)
    assert gpuenv("unstage", "cudnn", "--toolkit-dir", toolkit, "--json").document["data"]["off_path"] is False
    assert recorded.read(*USER, "Path") != BEFORE
    assert gpuenv("unstage", "cuda", "--toolkit-dir", toolkit, "--json").document["data"]["off_path"] is True
    assert recorded.read(*USER, "Path") == BEFORE


@pytest.mark.parametrize("options", ["--toolkit-dir", "--toolkit-dir, in capitals", "none"])
def test_user_path__toolkit_was_deleted__unstage_takes_it_off(
    gpuenv: Run, recorded: RecordedRegistry, toolkit: str, command: tuple[str, ...], options: str
) -> None:
    assert gpuenv(*command).code == 0
    shutil.rmtree(toolkit)
    status = gpuenv("stage", "--status")
    assert f"`{toolkit}/bin` is on your PATH and does not exist any more; `gpuenv unstage cudnn" in status.err
    written = {"none": [], "--toolkit-dir": ["--toolkit-dir", toolkit]}.get(options, ["--toolkit-dir", toolkit.upper()])
    ended = gpuenv("unstage", "cudnn", *written, "--json")
    assert ended.code == 0, ended.err
    assert (ended.document["data"]["off_path"], ended.document["data"]["entries"]) == (True, [f"{toolkit}/bin"])
    assert recorded.read(*USER, "Path") == BEFORE
    assert gpuenv("unstage", "cudnn", *written).code in (2, 8)
    assert "on your PATH" not in gpuenv("stage", "--status").err


def test_user_path__only_the_dlls_directory_was_deleted__unstage_takes_everything_out(
    gpuenv: Run, recorded: RecordedRegistry, toolkit: str, command: tuple[str, ...]
) -> None:
    assert gpuenv(*command).code == 0
    shutil.rmtree(Path(toolkit, "bin"))
    ended = gpuenv("unstage", "cudnn", "--toolkit-dir", toolkit, "--json")
    assert (ended.document["data"]["components"], ended.document["data"]["off_path"]) == (["cudnn"], True)
    assert recorded.read(*USER, "Path") == BEFORE


def test_user_path__another_toolkit_was_deleted__unstage_of_one_that_is_named_leaves_it(
    gpuenv: Run, recorded: RecordedRegistry, toolkit: str, command: tuple[str, ...], tmp_path: Path
) -> None:
    assert gpuenv(*command).code == 0
    shutil.rmtree(toolkit)
    assert gpuenv("unstage", "cudnn", "--toolkit-dir", tmp_path / "another").code == 8
    assert recorded.read(*USER, "Path") != BEFORE


def put_on_path(recorded: RecordedRegistry, record: Path, directory: str) -> None:
    """As `stage --user-path` leaves it; on Linux it would refuse a path that is none of Windows."""
    after = Value(f"{directory};{BEFORE.data}", REG_EXPAND_SZ)
    recorded.write(*USER, "Path", after)
    addition = {"directory": directory, "before": asdict(BEFORE), "after": asdict(after)}
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"gpuenv_user_path_version": "1", "additions": [addition]}), "utf-8")


@pytest.mark.parametrize("way", ["remove", "deleted, then unstage"])
def test_user_path__environment_is_removed__its_directory_is_taken_off(
    gpuenv: Run, recorded: RecordedRegistry, small_index: SmallStack, way: str
) -> None:
    made = gpuenv("create", "-n", "tf", "--recipe", small_index.recipe, "--gpu", "8.6", "--yes", "--json").document
    prefix, record = Path(made["data"]["prefix"]), data_dir(os.environ) / "state" / "user-path.json"
    put_on_path(recorded, record, str(env_toolkit_dir(prefix) / "bin"))
    if way == "remove":
        ended = gpuenv("remove", "-n", "tf", "--yes")
    else:
        shutil.rmtree(prefix)
        ended = gpuenv("unstage", "cudnn", "-n", "tf")
    assert (ended.code, "off your PATH" in ended.out) == (0, True)
    assert recorded.read(*USER, "Path") == BEFORE


def test_user_path__environment_is_removed_and_the_registry_refuses__partial(
    gpuenv: Run, recorded: RecordedRegistry, small_index: SmallStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = gpuenv("create", "-n", "tf", "--recipe", small_index.recipe, "--gpu", "8.6", "--yes", "--json").document
    prefix = Path(made["data"]["prefix"])
    put_on_path(recorded, data_dir(os.environ) / "state" / "user-path.json", str(env_toolkit_dir(prefix) / "bin"))

    def refuse(hive: Hive, key: str, name: str, value: Value) -> None:
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(recorded, "write", refuse)
    ended = gpuenv("remove", "-n", "tf", "--yes", "--json")
    assert (ended.code, ended.document["status"], prefix.exists()) == (8, "partial", False)


def test_user_path__windows_tells_nobody__says_to_sign_out_and_in(
    gpuenv: Run, recorded: RecordedRegistry, toolkit: str, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded, "announce", lambda: False)
    ended = gpuenv(*command)
    assert ended.code == 0
    assert "Sign out and in again and run `where cudnn64_8.dll`" in ended.out
    assert "Open a new terminal" not in ended.out
    assert "did not tell open programs" in ended.err
    undone = gpuenv("unstage", "cudnn", "--toolkit-dir", toolkit, "--json").document
    assert any("did not tell open programs" in warning for warning in undone["warnings"])
    assert gpuenv(*command, "--json").document["data"]["user_path"]["announced"] is False


def test_user_path__not_windows__exit_2_and_nothing_staged(
    gpuenv: Run, toolkit: str, command: tuple[str, ...], tmp_path: Path
) -> None:
    ended = gpuenv(*command)
    assert (ended.code, "there is no registry on this machine" in ended.err) == (2, True)
    assert not list(Path(toolkit, "bin").glob("cudnn*.dll"))
