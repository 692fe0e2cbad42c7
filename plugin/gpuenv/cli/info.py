"""`gpuenv info`: what is here, each fact with its source."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from gpuenv.cli import options
from gpuenv.cli.outcome import Outcome
from gpuenv.cli.text import columns, size

if TYPE_CHECKING:
    from gpuenv.model import Gpu, Host
    from gpuenv.session import Session


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `info`."""
    options.add_host_overrides(parser)


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Probe and print."""
    from gpuenv import __version__, pipeline, probe

    host = probe.look(options.overrides(args, session), session.plugins.probes())
    found = pipeline.environments(session, host)
    made = [{"name": one.name, "prefix": one.prefix, "gpu_code": state} for one, state in found]
    data = {"gpuenv_version": __version__, "host": host, "data_dir": session.data_dir, "environments": made}
    unknown = _UNSERVED if host.gpus else _NO_GPU
    rows = [
        (f"environment {one.name or one.prefix}", _READY.get(state, unknown), f"{one.framework}")
        for one, state in found
    ]
    return Outcome(data, host_text(host, rows))


# Of an environment, for the GPUs of this machine.
_READY = {
    "native": "native: has machine code for this GPU",
    "warm": "warm: its GPU code is compiled for this GPU",
    "cold": "cold: this GPU compiles its code at first use; `gpuenv warm` does it ahead",
}
_NO_GPU = "unknown: no GPU here to say whether its code is ready for"
_UNSERVED = "unknown: it has no code for a GPU of this machine, or the driver is not known"


def host_text(host: Host, more: Iterable[tuple[str, str, str]] = ()) -> str:
    """Print a host: a line a fact, its source last, then `more` lines; below, what is in the way."""
    from gpuenv.model import format_driver_version

    rows = [(f"GPU {gpu.index}", _gpu(gpu), gpu.source) for gpu in host.gpus] or [("GPU", "none found", "")]
    if host.driver:
        found = host.driver.driver_version
        version = format_driver_version(found) if found else "unknown version"
        api = f", CUDA driver API {host.driver.cuda_driver_api}" if host.driver.cuda_driver_api else ""
        rows.append(("driver", f"{version}{api}", host.driver.source))
    else:
        rows.append(("driver", "none found", ""))
    rows.append(("platform", host.platform, ""))
    for fact in host.facts:
        value = size(int(fact.value)) if fact.name.endswith("_bytes") else _words(fact.value)
        rows.append((fact.name.removesuffix("_bytes").replace("_", " "), value, fact.source))
    rows += [("Python", f"{python.version}  {python.path}", python.source) for python in host.pythons]
    rows += more
    notes = [f"note: {note.message}" + (f"\n  hint: {note.hint}" if note.hint else "") for note in host.notes]
    return "\n".join([columns(rows), *notes])


def _words(value: str | int | bool) -> str:
    """Write a fact as people say it: `no` for False."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _gpu(gpu: Gpu) -> str:
    from gpuenv.facts import architecture_name
    from gpuenv.model import format_compute_capability

    parts = [gpu.name or "unknown name"]
    if gpu.compute_capability:
        name = architecture_name(gpu.compute_capability)
        parts.append(
            f"compute capability {format_compute_capability(gpu.compute_capability)}" + (f" ({name})" if name else "")
        )
    if gpu.memory_bytes:
        parts.append(size(gpu.memory_bytes))
    return ", ".join(parts)
