from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpuenv.errors import TargetError, UsageError
from gpuenv.registry import REG_DWORD, REG_EXPAND_SZ, REG_SZ, Hive, Value, WindowsRegistry, this_registry
from gpuenv.user_path import MACHINE, USER, Change, UserPath, has, how_to_check, is_in
from recorded_windows import ENVIRON, RecordedRegistry

CUDA = r"C:\Program Files\NVIDIA GPU Computing Toolkit\CUDA\v11.0\bin"
OTHER = r"D:\cuda\bin"
# As Windows 10 makes it for a new user, and as installers leave it.
FRESH = Value(r"%USERPROFILE%\AppData\Local\Microsoft\WindowsApps;", REG_EXPAND_SZ)
PLAIN = Value(r"C:\Python38\;C:\Python38\Scripts", REG_SZ)


@dataclass
class Refusing(RecordedRegistry):
    """A registry in which a company's policy forbids writing."""

    def write(self, hive: Hive, key: str, name: str, value: Value) -> None:
        raise PermissionError(13, "Access is denied")


@dataclass
class Cutting(RecordedRegistry):
    """A registry that keeps less than it is given, as many times as `cuts` says."""

    cuts: int = 1

    def write(self, hive: Hive, key: str, name: str, value: Value) -> None:
        self.cuts -= 1
        super().write(hive, key, name, Value(str(value.data)[:1024], value.kind) if self.cuts >= 0 else value)


class Killed(BaseException):
    """Not caught by anybody, as a kill."""


@dataclass
class Killing(RecordedRegistry):
    """A process that is killed when it comes to write, before or after."""

    after: bool = False

    def write(self, hive: Hive, key: str, name: str, value: Value) -> None:
        if self.after:
            super().write(hive, key, name, value)
        raise Killed


def path_of(tmp_path: Path, value: Value | None, kind: type[RecordedRegistry] = RecordedRegistry) -> UserPath:
    state = {(*USER, "Path"): value} if value is not None else {}
    return UserPath(kind(state), tmp_path / "state" / "user-path.json", ENVIRON)


def value_of(path: UserPath) -> Value | None:
    return path.registry.read(*USER, "Path")


@pytest.mark.parametrize(
    ("value", "after"),
    [
        (FRESH, Value(f"{CUDA};{FRESH.data}", REG_EXPAND_SZ)),
        (PLAIN, Value(f"{CUDA};{PLAIN.data}", REG_SZ)),
        (Value("", REG_SZ), Value(CUDA, REG_SZ)),
        (Value(";C:\\a", REG_SZ), Value(f"{CUDA};;C:\\a", REG_SZ)),
        (None, Value(CUDA, REG_EXPAND_SZ)),
    ],
    ids=["expand", "plain", "empty", "empty entry", "none"],
)
def test_add__any_path__in_front_kind_kept_told_and_undone(tmp_path: Path, value: Value | None, after: Value) -> None:
    path = path_of(tmp_path, value)
    assert path.add(CUDA).made
    assert value_of(path) == after
    assert path.added() == (CUDA,)
    assert path.remove(CUDA).made
    assert value_of(path) == value
    assert path.added() == ()
    assert isinstance(path.registry, RecordedRegistry)
    assert path.registry.announced == 2
    assert not path.record.exists()


@pytest.mark.parametrize(
    "there",
    [
        CUDA,
        CUDA.upper() + "\\",
        f'"{CUDA}"',
        CUDA.replace(r"C:\Program Files", "%ProgramFiles%"),
        CUDA.replace("\\", "/"),
    ],
    ids=["same", "capitals and slash", "quoted", "variable", "slashes"],
)
def test_add__is_there_already__nothing_is_written_and_nothing_taken_away(tmp_path: Path, there: str) -> None:
    value = Value(f"C:\\a;{there};C:\\b", REG_EXPAND_SZ)
    path = path_of(tmp_path, value)
    assert not path.add(CUDA).made
    assert not path.remove(CUDA).made
    assert value_of(path) == value
    assert isinstance(path.registry, RecordedRegistry)
    assert path.registry.announced == 0


def test_add__longer_than_setx_keeps__nothing_is_cut(tmp_path: Path) -> None:
    value = Value(";".join(rf"C:\tools\number {number:04}" for number in range(400)), REG_EXPAND_SZ)
    path = path_of(tmp_path, value)
    path.add(CUDA)
    assert value_of(path) == Value(f"{CUDA};{value.data}", REG_EXPAND_SZ)
    path.remove(CUDA)
    assert value_of(path) == value


def test_add__no_room__refused_and_left(tmp_path: Path) -> None:
    value = Value("C:\\" + "a" * 32_750, REG_SZ)
    path = path_of(tmp_path, value)
    with pytest.raises(TargetError, match="no room"):
        path.add(CUDA)
    assert (value_of(path), path.added()) == (value, ())


@pytest.mark.parametrize("directory", ["bin", r"C:bin", r"C:\a;b", 'C:\\a"b', r"C:\%TEMP%", "C:\\a\nb", ""])
def test_add__directory_that_path_cannot_hold__usage_error(tmp_path: Path, directory: str) -> None:
    path = path_of(tmp_path, FRESH)
    with pytest.raises(UsageError, match="cannot be put on PATH"):
        path.add(directory)
    assert value_of(path) == FRESH


def test_add__registry_refuses__says_so_and_forgets(tmp_path: Path) -> None:
    path = path_of(tmp_path, FRESH, Refusing)
    with pytest.raises(TargetError) as raised:
        path.add(CUDA)
    assert "may not be written" in raised.value.message
    assert raised.value.hints
    assert (value_of(path), path.added()) == (FRESH, ())


@pytest.mark.parametrize(("cuts", "kept"), [(1, 0), (2, 1)], ids=["once", "always"])
def test_add__not_all_of_it_arrived__put_back_or_kept_in_the_record(tmp_path: Path, cuts: int, kept: int) -> None:
    value = Value("C:\\" + "a" * 2000, REG_SZ)
    path = path_of(tmp_path, value, Cutting)
    assert isinstance(path.registry, Cutting)
    path.registry.cuts = cuts
    with pytest.raises(TargetError, match="not what was written"):
        path.add(CUDA)
    assert len(path.added()) == kept
    assert (value_of(path) == value) == (kept == 0)
    if kept:
        assert str(value.data) in path.record.read_text("utf-8").replace("\\\\", "\\")


def test_add__path_is_no_text__left_as_it_is(tmp_path: Path) -> None:
    path = path_of(tmp_path, Value(7, REG_DWORD))
    with pytest.raises(TargetError, match="is no text"):
        path.add(CUDA)
    assert value_of(path) == Value(7, REG_DWORD)


def test_remove__somebody_changed_path_since__only_the_own_entry_goes(tmp_path: Path) -> None:
    path = path_of(tmp_path, FRESH)
    path.add(CUDA)
    now = Value(f"C:\\new;{CUDA};{FRESH.data}C:\\last", REG_EXPAND_SZ)
    path.registry.write(*USER, "Path", now)
    assert path.remove(CUDA).made
    assert value_of(path) == Value(f"C:\\new;{FRESH.data}C:\\last", REG_EXPAND_SZ)


def test_remove__somebody_took_it_off__nothing_to_do(tmp_path: Path) -> None:
    path = path_of(tmp_path, FRESH)
    path.add(CUDA)
    path.registry.write(*USER, "Path", PLAIN)
    assert not path.remove(CUDA).made
    assert (value_of(path), path.added()) == (PLAIN, ())


@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after it"])
def test_remove__adding_was_killed__path_is_as_it_was(tmp_path: Path, after: bool) -> None:
    path = path_of(tmp_path, FRESH, Killing)
    assert isinstance(path.registry, Killing)
    path.registry.after = after
    with pytest.raises(Killed):
        path.add(CUDA)
    next_run = UserPath(RecordedRegistry(path.registry.state), path.record, ENVIRON)
    assert next_run.added() == (CUDA,)
    assert next_run.remove(CUDA).made == after
    assert (value_of(next_run), next_run.added()) == (FRESH, ())


def test_add__record_is_damaged__path_is_left(tmp_path: Path) -> None:
    path = path_of(tmp_path, FRESH)
    path.record.parent.mkdir()
    path.record.write_text("{")
    with pytest.raises(TargetError, match="cannot be read"):
        path.add(CUDA)
    assert value_of(path) == FRESH


def test_machine__recorded__variables_are_replaced(tmp_path: Path) -> None:
    path = UserPath(
        RecordedRegistry({(*MACHINE, "Path"): Value(r"%SystemRoot%\system32;;%NO%\x", 2)}), tmp_path, ENVIRON
    )
    assert path.machine() == (r"C:\Windows\system32", r"%NO%\x")


@dataclass
class Unreadable(RecordedRegistry):
    """A registry that a company's policy keeps from being read."""

    def read(self, hive: Hive, key: str, name: str) -> Value | None:
        raise PermissionError(13, "Access is denied")


def test_add_and_machine__registry_may_not_be_read__says_so(tmp_path: Path) -> None:
    path = path_of(tmp_path, None, Unreadable)
    with pytest.raises(TargetError, match="may not be read"):
        path.add(CUDA)
    with pytest.raises(TargetError, match="may not be read"):
        path.machine()
    assert path.added() == ()


@pytest.mark.parametrize("spelt", [CUDA.lower(), CUDA + "\\", CUDA.replace("\\", "/"), CUDA.replace("C:", "c:")])
def test_remove__written_otherwise__is_the_same_directory(tmp_path: Path, spelt: str) -> None:
    path = path_of(tmp_path, FRESH)
    path.add(CUDA)
    assert path.remove(spelt).made
    assert (value_of(path), path.added()) == (FRESH, ())


def test_gone__directory_that_was_deleted__is_named_and_can_be_taken_off(tmp_path: Path) -> None:
    path = path_of(tmp_path, FRESH)
    path.add(CUDA)
    assert path.gone() == (CUDA,)
    assert path.remove(CUDA).made
    assert path.gone() == ()


@dataclass
class Silent(RecordedRegistry):
    """A registry on a machine where nobody is signed in, so that no window can be told."""

    def announce(self) -> bool:
        return False


def test_add_and_remove__windows_tells_nobody__says_so(tmp_path: Path) -> None:
    path = path_of(tmp_path, FRESH, Silent)
    assert path.add(CUDA) == Change(made=True, announced=False)
    assert path.add(CUDA) == Change(made=False)
    assert path.remove(CUDA) == Change(made=True, announced=False)
    assert value_of(path) == FRESH


@pytest.mark.parametrize(("answer", "expected"), [(1, True), (0, False), (None, False)])
def test_announce__answer_of_windows__is_whether_it_was_passed_on(
    monkeypatch: pytest.MonkeyPatch, answer: int | None, expected: bool
) -> None:
    sent: list[tuple[object, ...]] = []

    class Send:
        argtypes: tuple[type, ...] = ()
        restype: type | None = None

        def __call__(self, *arguments: object) -> int | None:
            sent.append(arguments)
            return answer

    user32 = SimpleNamespace(SendMessageTimeoutW=Send())
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(user32=user32), raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    assert WindowsRegistry().announce() is expected
    monkeypatch.undo()
    # To all windows, WM_SETTINGCHANGE about `Environment`; one that hangs is passed over.
    assert sent == [(0xFFFF, 0x001A, None, "Environment", 0x0002, 2000, None)]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [(CUDA, True), (CUDA.upper(), True), (CUDA + r"\x64", True), (CUDA + "2", False), ("C:\\", False)],
)
def test_is_in__entry__at_or_below_the_directory(entry: str, expected: bool) -> None:
    assert is_in(entry, CUDA + "\\", {}) is expected


def test_has__other_directory_that_begins_alike__is_another() -> None:
    assert not has(CUDA + "2", CUDA, {})


def test_how_to_check__directory__names_command_and_first_line() -> None:
    said = how_to_check(CUDA, "cudnn64_8.dll")
    assert "`where cudnn64_8.dll`" in said
    assert f"`{CUDA}\\cudnn64_8.dll`" in said
    assert "no reboot" in said


@pytest.mark.skipif("sys.platform == 'win32'", reason="Windows has one; run this on Linux")
def test_this_registry__not_windows__usage_error() -> None:
    with pytest.raises(UsageError, match="no registry"):
        this_registry()


ENTRIES = st.lists(st.sampled_from(["", r"C:\a", "C:\\A\\", r"%TEMP%\x", r"D:\b", "ä"]), max_size=5).map(";".join)
VALUES = st.none() | st.builds(Value, ENTRIES, st.sampled_from([REG_SZ, REG_EXPAND_SZ]))


@dataclass
class Counter:
    number: int = field(default=0)


_RUNS = Counter()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES, order=st.permutations([CUDA, OTHER, r"E:\third"]), undo=st.permutations([0, 1, 2]))
def test_remove__in_any_order__path_is_as_it_was(
    tmp_path: Path, value: Value | None, order: list[str], undo: list[int]
) -> None:
    _RUNS.number += 1
    path = path_of(tmp_path / str(_RUNS.number), value)
    added: Mapping[str, bool] = {directory: path.add(directory).made for directory in order}
    assert all(added.values())
    for index in undo:
        path.remove(order[index])
    assert value_of(path) == value
