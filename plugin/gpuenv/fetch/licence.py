"""NVIDIA's licences: asked once for each, and recorded."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path

from gpuenv.errors import Hint, UsageError
from gpuenv.facts.cudnn import licence
from gpuenv.model import Archive, Licence

RECORD = "licences.json"


def unaccepted(archives: Iterable[Archive], state_dir: Path) -> tuple[Licence, ...]:
    """Return the licences of these archives that this user has not accepted yet. Raises UsageError, see `_read`."""
    known = _read(state_dir)
    wanted = dict.fromkeys(archive.licence for archive in archives if archive.licence is not None)
    return tuple(licence(key) for key in wanted if key not in known)


def accept(licences: Iterable[Licence], state_dir: Path, how: str) -> None:
    """Record that the user has accepted licences; `how` is what was typed (`--accept-license`, `yes`)."""
    from filelock import FileLock

    state_dir.mkdir(parents=True, exist_ok=True)
    path = state_dir / RECORD
    with FileLock(f"{path}.lock"):
        known = _read(state_dir)
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        known.update({one.key: {"title": one.title, "url": one.url, "accepted": now, "how": how} for one in licences})
        aside = path.with_suffix(".new")
        aside.write_text(json.dumps(known, indent=1), "utf-8")
        aside.replace(path)


def _read(state_dir: Path) -> dict[str, dict[str, str]]:
    """Read the record.

    ``{"cudnn": {"title": "...", "url": "https://...", "accepted": "2026-11-23T08:00:00Z", "how": "--accept-license"}}``

    Raises UsageError for a file that is none of gpuenv's.
    """
    path = state_dir / RECORD
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as err:
        raise UsageError(
            f"`{path}` cannot be read",
            cause=str(err),
            hints=[Hint("licence.record", f"delete `{path}` and accept anew")],
        ) from err
    return found if isinstance(found, dict) else {}
