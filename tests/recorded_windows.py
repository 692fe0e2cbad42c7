"""Windows machines as they were recorded: their registry, and the variables of a process on them."""

from __future__ import annotations

from dataclasses import dataclass, field

from gpuenv.registry import REG_DWORD, REG_SZ, Hive, Value

State = dict[tuple[Hive, str, str], Value]

ENVIRON = {"SystemRoot": r"C:\Windows", "ProgramFiles": r"C:\Program Files", "USERPROFILE": r"C:\Users\Ada"}
RUNTIME = r"SOFTWARE\Microsoft\VisualStudio\14.0\VC\Runtimes\x64"
WOW_RUNTIME = r"SOFTWARE\Wow6432Node\Microsoft\VisualStudio\14.0\VC\Runtimes\x64"


@dataclass
class RecordedRegistry:
    """A registry in memory; `announced` counts how often open programs were told. Names differ in no capitals."""

    state: State = field(default_factory=dict)
    announced: int = 0

    def read(self, hive: Hive, key: str, name: str) -> Value | None:
        return self._folded().get((hive, key.lower(), name.lower()))

    def write(self, hive: Hive, key: str, name: str, value: Value) -> None:
        self.delete(hive, key, name)
        self.state[hive, key, name] = value

    def delete(self, hive: Hive, key: str, name: str) -> None:
        gone = (hive, key.lower(), name.lower())
        self.state = {at: value for at, value in self.state.items() if (at[0], at[1].lower(), at[2].lower()) != gone}

    def announce(self) -> bool:
        self.announced += 1
        return True

    def _folded(self) -> State:
        return {(hive, key.lower(), name.lower()): value for (hive, key, name), value in self.state.items()}


def runtime(version: str, *, installed: int = 1, key: str = RUNTIME) -> State:
    """What the redistributable package of Visual C++ writes: `v14.29.30133.00` and four numbers."""
    major, minor, build, rebuild = (int(number) for number in version.split("."))
    return {
        ("HKLM", key, "Installed"): Value(installed, REG_DWORD),
        ("HKLM", key, "Version"): Value(f"v{major}.{minor}.{build}.{rebuild:02}", REG_SZ),
        ("HKLM", key, "Major"): Value(major, REG_DWORD),
        ("HKLM", key, "Minor"): Value(minor, REG_DWORD),
        ("HKLM", key, "Bld"): Value(build, REG_DWORD),
        ("HKLM", key, "Rbld"): Value(rebuild, REG_DWORD),
    }
