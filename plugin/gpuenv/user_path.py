r"""The user's PATH on Windows: put a directory on it and take it off again, through the registry.

`setx` cuts PATH at 1,024 characters and turns its `%VARIABLES%` into their values; here the value keeps its kind
(REG_SZ or REG_EXPAND_SZ) and every character that gpuenv did not put there. What was done is written down before it is
done, in `user-path.json`, so that it can be undone after a kill too.
"""

from __future__ import annotations

import ntpath
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gpuenv.errors import Hint, TargetError, UsageError
from gpuenv.registry import REG_EXPAND_SZ, REG_SZ, Hive, Registry, Value

USER: tuple[Hive, str] = ("HKCU", "Environment")
MACHINE: tuple[Hive, str] = ("HKLM", r"SYSTEM\CurrentControlSet\Control\Session Manager\Environment")
_NAME = "Path"
# The most a variable can hold, its end included:
# https://learn.microsoft.com/windows/win32/procthread/environment-variables (read November 2026).
_MOST_CHARACTERS = 32_767


class Addition(msgspec.Struct, frozen=True):
    """A directory that gpuenv put on PATH, and the value before and after (None: there was no such value)."""

    directory: str
    before: Value | None
    after: Value


class _Record(msgspec.Struct, frozen=True):
    gpuenv_user_path_version: str = "1"
    additions: list[Addition] = []


@dataclass(frozen=True, slots=True)
class Change:
    """What became of PATH: whether it was changed, and whether Windows passed the news on to open programs."""

    made: bool
    announced: bool = True


@dataclass(frozen=True, slots=True)
class UserPath:
    """The user's PATH in a registry, and the file where gpuenv writes down what it has added.

    `environ` has the variables by which entries of PATH are compared.
    """

    registry: Registry
    record: Path
    environ: Mapping[str, str]

    def add(self, directory: str) -> Change:
        """Put a directory first on the user's PATH, if it is not there yet.

        Raises UsageError for a directory that PATH cannot hold, TargetError when the registry refuses.
        """
        check_entry(directory)
        with self._held() as additions:
            before = self._read()
            if before is not None and has(str(before.data), directory, self.environ):
                return Change(made=False)
            after = with_entry(before, directory)
            kept = [one for one in additions if not self._same(one.directory, directory)]
            self._note([*kept, Addition(directory, before, after)])
            try:
                announced = self._write(after)
            except TargetError:
                if self._put_back(before):  # else the record is where the old value is still to be read
                    self._note(kept)
                raise
            return Change(made=True, announced=announced)

    def remove(self, directory: str) -> Change:
        """Take a directory off PATH that gpuenv put there, however it is written here; it need not exist any more.

        PATH is then as it was, but for what others have changed since. Raises TargetError when the registry refuses.
        """
        with self._held() as additions:
            own = next((one for one in additions if self._same(one.directory, directory)), None)
            if own is None:
                return Change(made=False)
            before = self._read()
            after = own.before if before == own.after else without_entry(before, own)
            announced = self._write(after) if after != before else True
            self._note([_forgotten(one, own) for one in additions if one is not own])
            return Change(after != before, announced)

    def added(self) -> tuple[str, ...]:
        """Return the directories that gpuenv put on PATH."""
        return tuple(one.directory for one in self._additions())

    def gone(self) -> tuple[str, ...]:
        """Return the directories that gpuenv put on PATH and that do not exist any more."""
        return tuple(directory for directory in self.added() if not Path(directory).is_dir())

    def _same(self, one: str, other: str) -> bool:
        return _plain(one, self.environ) == _plain(other, self.environ)

    def machine(self) -> tuple[str, ...]:
        """Return the machine's part of PATH, which Windows searches before the user's, variables replaced.

        Raises TargetError when the registry refuses.
        """
        try:
            value = self.registry.read(*MACHINE, _NAME)
        except OSError as err:
            raise _refused("read", err) from err
        entries = str(value.data).split(";") if value is not None else []
        return tuple(expanded(entry, self.environ) for entry in entries if entry)

    def _read(self) -> Value | None:
        """Read the user's PATH. Raises TargetError when it is no text."""
        try:
            value = self.registry.read(*USER, _NAME)
        except OSError as err:
            raise _refused("read", err) from err
        if value is not None and (value.kind not in (REG_SZ, REG_EXPAND_SZ) or not isinstance(value.data, str)):
            raise TargetError(
                "your PATH in the registry is no text, so it is left as it is",
                cause=f"expected a value of kind {REG_SZ} or {REG_EXPAND_SZ}, found {value.kind}",
                hints=[Hint("user-path.look", r"look at it: `reg query HKCU\Environment /v Path`")],
            )
        return value

    def _write(self, value: Value | None) -> bool:
        """Write PATH, read it again to see that all of it arrived, and tell open programs; say whether they were."""
        try:
            if value is None:
                self.registry.delete(*USER, _NAME)
            else:
                self.registry.write(*USER, _NAME, value)
            found = self.registry.read(*USER, _NAME)
        except OSError as err:
            raise _refused("written", err) from err
        if found != value:
            raise TargetError(
                "your PATH in the registry is not what was written to it",
                cause=f"the value before is in `{self.record}` unless it could be put back",
                hints=[Hint("user-path.look", r"look at it: `reg query HKCU\Environment /v Path`")],
            )
        return self.registry.announce()

    def _put_back(self, value: Value | None) -> bool:
        """Write the old value after a failure, if it is not there still; say whether it is there now."""
        try:
            if self.registry.read(*USER, _NAME) != value:
                self._write(value)
        except (OSError, TargetError):
            return False
        return True

    @contextmanager
    def _held(self) -> Iterator[list[Addition]]:
        """Hold the record's lock. Raises TargetError when another gpuenv has it, or the record cannot be read."""
        from filelock import FileLock, Timeout

        self.record.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.record.with_suffix(".lock"), timeout=10):
                yield self._additions()
        except Timeout as err:
            raise TargetError(
                "your PATH is being changed by another gpuenv",
                hints=[Hint("target.locked", "wait until it has ended, then run the same command again")],
            ) from err

    def _additions(self) -> list[Addition]:
        try:
            return msgspec.json.decode(self.record.read_bytes(), type=_Record).additions
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError) as err:
            raise TargetError(
                f"`{self.record}` cannot be read, so your PATH is left as it is",
                cause=str(err),
                hints=[Hint("user-path.record", f"delete `{self.record}`; gpuenv then forgets what it put on PATH")],
            ) from err

    def _note(self, additions: list[Addition]) -> None:
        """Write the record in one step; nothing to write down is no file."""
        if not additions:
            self.record.unlink(missing_ok=True)
            return
        aside = self.record.with_suffix(".new")
        aside.write_bytes(msgspec.json.format(msgspec.json.encode(_Record(additions=additions)), indent=1))
        aside.replace(self.record)


def check_entry(directory: str) -> None:
    """Raise UsageError for a directory that PATH cannot hold, or that would mean another one in it."""
    drive, rest = ntpath.splitdrive(directory)
    if not drive or rest[:1] not in ("\\", "/"):
        cause = "expected a whole path such as `C:\\cuda\\bin`"
    elif any(char in ';"%' or not char.isprintable() for char in directory):
        cause = "expected one without `;`, quotes, `%` and control characters"
    else:
        return
    shown = directory if directory.isprintable() else ascii(directory)[1:-1]
    raise UsageError(f"`{shown}` cannot be put on PATH", cause=cause)


def with_entry(value: Value | None, directory: str) -> Value:
    """Return PATH with a directory in front, of the kind it had. Raises TargetError when it would be too long."""
    rest = str(value.data) if value is not None else ""
    text = f"{directory};{rest}" if rest else directory
    if len(text) >= _MOST_CHARACTERS:
        raise TargetError(
            "your PATH has no room for another directory",
            cause=f"expected at most {_MOST_CHARACTERS - 1} characters, found {len(text)}",
            hints=[
                Hint(
                    "user-path.long", "take out what you no longer need: `rundll32 sysdm.cpl,EditEnvironmentVariables`"
                )
            ],
        )
    return Value(text, value.kind if value is not None else REG_EXPAND_SZ)


def without_entry(value: Value | None, addition: Addition) -> Value | None:
    """Return PATH without the entry that was added, everything else in it as it is; None where nothing is left of it.

    An entry that somebody has written in another way since is theirs, and stays.
    """
    if value is None:
        return None
    entries = str(value.data).split(";")
    if addition.directory not in entries:
        return value
    entries.remove(addition.directory)
    text = ";".join(entries)
    return Value(text, value.kind) if text or addition.before is not None else None


def has(path: str, directory: str, environ: Mapping[str, str]) -> bool:
    """Say whether a directory is on a PATH, however it is written there."""
    wanted = _plain(directory, environ)
    return any(_plain(entry, environ) == wanted for entry in path.split(";") if entry.strip())


def is_in(entry: str, directory: str, environ: Mapping[str, str]) -> bool:
    """Say whether an entry of PATH is a directory or lies in it, however both are written."""
    return f"{_plain(entry, environ)}\\".startswith(f"{_plain(directory, environ)}\\")


def expanded(entry: str, environ: Mapping[str, str]) -> str:
    """Replace `%VARIABLE%`; a variable that there is not stays as it is written, as in Windows."""
    upper = {name.upper(): value for name, value in environ.items()}
    return re.sub(r"%([^%]+)%", lambda found: upper.get(found[1].upper(), found[0]), entry)


def how_to_check(directory: str, library: str, *, announced: bool = True) -> str:
    """Say what a user types to see that PATH works, and what has to be started anew before: mostly just a terminal."""
    how = "Open a new terminal (no reboot; what is open keeps its PATH)" if announced else "Sign out and in again"
    return f"{how} and run `where {library}`: the first line has to be `{ntpath.join(directory, library)}`"


def _plain(entry: str, environ: Mapping[str, str]) -> str:
    """Write an entry as all others that mean the same: no variables, quotes, or slash at the end, small letters."""
    return ntpath.normpath(expanded(entry, environ).strip().strip('"')).lower().rstrip("\\")


def _forgotten(one: Addition, gone: Addition) -> Addition:
    """Return an addition as if another had never been."""
    after = without_entry(one.after, gone)
    before = without_entry(one.before, gone)
    return Addition(one.directory, before, after if after is not None else one.after)


def _refused(done: str, err: OSError) -> TargetError:
    return TargetError(
        f"your PATH in the registry may not be {done}",
        cause=str(err),
        hints=[Hint("user-path.settings", "change it in Windows: `rundll32 sysdm.cpl,EditEnvironmentVariables`")],
    )
