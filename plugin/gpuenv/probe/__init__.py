"""Look at the machine: GPUs, driver, toolkits, Pythons, system. Every fact carries its source.

`look` runs the probes one after the other, each isolated. The built-in ones are registered here like any plugin's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gpuenv.extension import Probe
from gpuenv.hookspec import hookimpl
from gpuenv.model import Host, Note, Overrides
from gpuenv.probe.overrides import overrides_from
from gpuenv.probe.toolkits import find_toolkits, toolkit_at

__all__ = [
    "find_libcuda",
    "find_toolkits",
    "gpuenv_probes",
    "loaded_driver",
    "look",
    "look_for_gpus",
    "overrides_from",
    "toolkit_at",
]


@hookimpl
def gpuenv_probes() -> list[Probe]:
    """Give the built-in probes: `nvidia` needs what `system` says about containers and WSL, so that one is first."""
    from gpuenv.probe import nvidia, overrides, pythons, search_path, system, toolkits, windows

    return [
        Probe("system", system.run, order=10),
        Probe("nvidia", nvidia.run, order=20),
        Probe("overrides", overrides.run, order=30),
        Probe("toolkits", toolkits.run, order=40),
        Probe("windows", windows.run, order=50),
        Probe("search path", search_path.run, order=55),
        Probe("pythons", pythons.run, order=60),
    ]


def look(overrides: Overrides, probes: Sequence[Probe]) -> Host:
    """Run the probes in the order given and return the host they describe.

    A probe that raises, or that returns something else than a host, leaves the host as it was and a note
    `probe.failed` in it.
    """
    from gpuenv.probe.system import current_platform

    host = Host(platform=current_platform())
    for probe in probes:
        try:
            found = probe.run(host, overrides)
            if not isinstance(found, Host):
                raise TypeError(f"expected a Host, found `{type(found).__name__}`")
        except KeyboardInterrupt:
            raise
        except BaseException as err:  # a plugin's probe may raise SystemExit too
            host = _with_failure(host, probe, err)
        else:
            host = found
    return host


def look_for_gpus(probes: Sequence[Probe]) -> Host:
    """Look for the GPUs and the driver that are really there, and for nothing else."""
    return look(Overrides(), [probe for probe in probes if probe.name in ("system", "nvidia")])


def find_libcuda(environ: Mapping[str, str]) -> Path | None:
    """Find the library of the CUDA driver API where the loader would; None when there is none."""
    from gpuenv.probe.driver_libraries import find_libraries

    return find_libraries(Path("/"), environ).paths.get("libcuda")


def loaded_driver(root: Path = Path("/")) -> str | None:
    """Return the version of the loaded NVIDIA kernel module as `/sys` has it, which a shell can read too.

    None where there is no such file: no driver, Windows, WSL.
    """
    try:
        return (root / "sys/module/nvidia/version").read_text("ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _with_failure(host: Host, probe: Probe, err: BaseException) -> Host:
    from dataclasses import replace

    note = Note("probe.failed", f"probe `{probe.name}` failed: {type(err).__name__}: {err}", "run `gpuenv info -vv`")
    return replace(host, notes=(*host.notes, note))
