"""Windows' registry, as far as gpuenv touches it: the one place that calls it, and what tests put in its stead."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal, Protocol

from gpuenv.errors import Hint, UsageError

Hive = Literal["HKCU", "HKLM"]
# winreg's numbers of kinds, which Python has on Windows only:
# https://learn.microsoft.com/windows/win32/sysinfo/registry-value-types (read November 2026).
REG_SZ, REG_EXPAND_SZ, REG_DWORD = 1, 2, 4
# How long each window has to take note of a change, in ms; one that hangs is passed over.
_ANNOUNCE_MS = 2000


@dataclass(frozen=True, slots=True)
class Value:
    """What stands under a name: a text or a number, and the kind that Windows keeps with it."""

    data: str | int
    kind: int


class Registry(Protocol):
    """The registry of a machine. Reading what is not there gives None, deleting it does nothing."""

    def read(self, hive: Hive, key: str, name: str) -> Value | None:
        """Return a value. Raises OSError when it may not be read."""

    def write(self, hive: Hive, key: str, name: str, value: Value) -> None:
        """Write a value, its kind with it. Raises OSError when it may not be written."""

    def delete(self, hive: Hive, key: str, name: str) -> None:
        """Delete a value. Raises OSError when it may not be deleted."""

    def announce(self) -> bool:
        """Tell open programs that the variables have changed; say whether Windows passed it on."""


def this_registry() -> Registry:
    """Return the registry of this machine. Raises UsageError where there is none."""
    if sys.platform != "win32":
        raise UsageError(
            "there is no registry on this machine",
            cause=f"expected Windows, found `{sys.platform}`",
            hints=[Hint("registry.shell", "set PATH in the start-up file of your shell")],
        )
    return WindowsRegistry()


class WindowsRegistry:
    """The real one, in its 64-bit view."""

    def read(self, hive: Hive, key: str, name: str) -> Value | None:
        """Return a value, as it stands there: nothing in it is expanded."""
        if sys.platform == "win32":
            import winreg

            try:
                with winreg.OpenKey(_root(hive), key, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY) as opened:
                    data, kind = winreg.QueryValueEx(opened, name)
            except FileNotFoundError:
                return None
            return Value(data if isinstance(data, int) else str(data), kind)
        raise NotImplementedError

    def write(self, hive: Hive, key: str, name: str, value: Value) -> None:
        """Write a value of any length."""
        if sys.platform == "win32":
            import winreg

            access = winreg.KEY_SET_VALUE | winreg.KEY_WOW64_64KEY
            with winreg.CreateKeyEx(_root(hive), key, 0, access) as opened:
                winreg.SetValueEx(opened, name, 0, value.kind, value.data)

    def delete(self, hive: Hive, key: str, name: str) -> None:
        """Delete a value."""
        if sys.platform == "win32":
            import winreg

            try:
                access = winreg.KEY_SET_VALUE | winreg.KEY_WOW64_64KEY
                with winreg.OpenKey(_root(hive), key, 0, access) as opened:
                    winreg.DeleteValue(opened, name)
            except FileNotFoundError:
                return

    def announce(self) -> bool:
        """Send WM_SETTINGCHANGE with `Environment` to all windows; Explorer then starts programs with the new PATH.

        Source: https://learn.microsoft.com/windows/win32/procthread/environment-variables (read November 2026).
        """
        if sys.platform == "win32":
            import ctypes

            broadcast, setting_change, abort_if_hung = 0xFFFF, 0x001A, 0x0002
            send = ctypes.windll.user32.SendMessageTimeoutW
            send.argtypes = (
                *(ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_wchar_p),
                *(ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p),
            )
            send.restype = ctypes.c_void_p
            return bool(send(broadcast, setting_change, None, "Environment", abort_if_hung, _ANNOUNCE_MS, None))
        return False


if sys.platform == "win32":

    def _root(hive: Hive) -> int:
        import winreg

        return {"HKCU": winreg.HKEY_CURRENT_USER, "HKLM": winreg.HKEY_LOCAL_MACHINE}[hive]
