"""Tell which kind of container this process is in, from files and variables that the runtimes leave."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

# In a control group's path, as `/docker/8d6f...` or `/kubepods.slice/...`. Pods come first: they may run docker.
_CGROUP_WORDS = {
    "kubepods": "kubernetes",
    "docker": "docker",
    "libpod": "podman",
    "containerd": "containerd",
    "lxc": "lxc",
}


def container_kind(root: Path, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the kind of container and what tells it, or None outside of one.

    Kinds are `docker`, `podman`, `kubernetes`, `apptainer`, `lxc`, and what else a runtime calls itself in the
    variable `container` of the first process (systemd's convention).
    """
    if environ.get("APPTAINER_CONTAINER") or environ.get("SINGULARITY_CONTAINER"):
        return "apptainer", "APPTAINER_CONTAINER"
    if environ.get("KUBERNETES_SERVICE_HOST"):
        return "kubernetes", "KUBERNETES_SERVICE_HOST"
    cgroup = _from_cgroup(root)
    if cgroup == "kubernetes":
        return cgroup, "/proc/1/cgroup"
    for file, kind in ((".dockerenv", "docker"), ("run/.containerenv", "podman")):
        if (root / file).exists():
            return kind, f"/{file}"
    named = environ.get("container") or _read(root / "run/systemd/container").strip()
    if named:
        return named, "container" if environ.get("container") else "/run/systemd/container"
    return (cgroup, "/proc/1/cgroup") if cgroup is not None else None


def _from_cgroup(root: Path) -> str | None:
    """Read `/proc/1/cgroup`: `12:devices:/docker/8d6f0c...`, one line a controller."""
    paths = [line.split(":", 2)[-1] for line in _read(root / "proc/1/cgroup").splitlines()]
    return next((kind for word, kind in _CGROUP_WORDS.items() if any(word in path for path in paths)), None)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
