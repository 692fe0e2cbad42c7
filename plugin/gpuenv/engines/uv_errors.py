"""What uv says when something fails, as gpuenv's errors. The texts looked for are uv's own, as of 0.13."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from gpuenv.errors import FetchError, GpuenvError, Hint, TargetError, UnsolvableError
from gpuenv.model import Plan, Wanted
from gpuenv.process import Completed
from gpuenv.text_files import typed

_PROGRESS = ("Using ", "Resolved ", "Downloading ", "Downloaded ", "Prepared ", "Creating ", "Activate ", "Built ")
_PREFIX = re.compile(r"^(error|cause|hint|\u00d7|\u251c\u2500\u25b6|\u2570\u2500\u25b6)\s*:?\s*")
_UNSATISFIABLE = re.compile(r"[,:] we can conclude that your requirements are unsatisfiable\.")
_PARTS_MAX = 6
_HASHES_SHOWN = 2
_AGAIN = Hint("fetch.again", "run the same command again: what has arrived is kept")


def explain(said: str) -> str:
    """Keep what explains a failure of what uv printed, without progress, warnings and advice on uv's own options.

    A sample::

        warning: The requested Python version 3.6 is not available; 3.11.7 will be used to build dependencies instead.
        error: No solution found when resolving dependencies
          cause: Because there is no version of six==99 and you require six==99, we can conclude that your requirements
                 are unsatisfiable.
    """
    whole = [_UNSATISFIABLE.sub("", part).rstrip(".") for part in _parts(said)]
    return "; ".join(whole[:_PARTS_MAX]) or "uv said nothing"


def _parts(said: str) -> list[str]:
    """Split what uv said of a failure: a part for each error, cause and hint, its lines joined."""
    parts: list[str] = []
    dropping = False
    for line in said.splitlines():
        text = line.strip()
        if not line.startswith(" "):
            dropping = text.startswith(("warning:", *_PROGRESS)) or (text.startswith("hint:") and "`--" in text)
        if dropping or not text or text.endswith("No solution found when resolving dependencies"):
            continue
        if not parts or not line.startswith(" ") or _PREFIX.match(text) is not None:
            parts.append(_PREFIX.sub("", text))
        else:
            parts[-1] += f" {text}"
    return parts


def build_error(ended: Completed, plan: Plan) -> GpuenvError:
    """Say which kind of failure kept uv from making the environment."""
    said = ended.stderr
    cause = explain(said)
    if "ash mismatch" in said:
        return _hash_error(said, plan)
    if "No space left" in said or "os error 28" in said or "os error 112" in said:
        return GpuenvError(
            f"the disk of `{plan.prefix}` is full",
            cause=cause,
            hints=[Hint("disk.elsewhere", "free some space, or choose another place with `-p PATH`")],
        )
    if "Failed to initialize cache" in said:
        return GpuenvError(
            "uv cannot write into its cache",
            cause=cause,
            hints=[Hint("cache.elsewhere", "set `UV_CACHE_DIR` to a directory that you may write to")],
        )
    unreached = _unreached(said, [_AGAIN])
    if unreached is not None:
        return unreached
    if any(sign in said for sign in ("not found in the package registry", "no version of", "no wheels")):
        index = Hint("fetch.index", "ask an index that has all of them: set `index-url` for pip or uv")
        return UnsolvableError(
            "the index does not have a package of the lock", cause=cause, hints=[index, _lock_hint(plan)]
        )
    if re.search(r"ValueError: invalid variable '\$", said):
        return TargetError(
            f"Python {plan.choice.python_version} cannot be used in `{plan.prefix}`",
            cause="its distutils take `$` and a letter in a path for a variable",
            hints=[Hint("target.other", "choose a path without `$`: `-p PATH`")],
        )
    return GpuenvError(f"uv could not build `{plan.prefix}`: {ended.ending}", cause=cause)


def solve_error(said: str, wanted: Wanted) -> GpuenvError:
    """Say which kind of failure kept uv from pinning the requirements."""
    unreached = _unreached(said, [Hint("fetch.again", "run the same command again when the index can be reached")])
    if unreached is not None:
        return unreached
    target = f"Python {wanted.python_version} on {wanted.platform}"
    text = " ".join(said.split())
    change = "change `requirements` in the recipe; `gpuenv recipes show NAME` prints them"
    message = "uv found no set of packages that satisfies the recipe"
    if match := re.search(r"Because (\S+) was not found in the package registry and you require \1\b", text):
        message = f"the index has no package `{match[1]}`"
        change = "correct the name in `requirements`, or set `index-url` for pip or uv to an index that has it"
    elif match := re.search(r"there is no version of (\S+) and you require \1,", text):
        message = f"the index has no `{match[1]}`"
        change = "choose a version in `requirements` that the index has"
    elif match := re.search(r"Because (\S+) has no wheels with a matching .*you require \1,", text):
        message = f"`{match[1]}` has no wheel for {target}"
        change = "choose another version in `requirements`, or leave the Python out of `pythons`"
    elif match := re.search(r"and (\S+) depends on (Python\S+?), we can conclude that \1 cannot be used", text):
        message = f"`{match[1]}` needs {match[2]}, which Python {wanted.python_version} is not"
        name = re.split(r"[=<>!~]", match[1])[0]
        change = f'leave the Python out of `pythons`, or name a version of {name} for it: `; python_version < "3.7"`'
    return UnsolvableError(message, cause=explain(said), hints=[Hint("recipe.requirements", change)])


def _unreached(said: str, more: Sequence[Hint]) -> FetchError | None:
    """Say why the index was not reached; None when it was."""
    cause, text = explain(said), " ".join(_parts(said))
    for signs, message, hint in _UNREACHED:
        if any(sign in text for sign in signs):
            return FetchError(message, cause=cause, hints=[hint, *more])
    return None


# Signs in what uv says, the message and what helps; the first that fits, so those that say more come first.
_UNREACHED = (
    (
        ("network was disabled",),
        "uv is offline, and its cache lacks a package",
        Hint("fetch.online", "run the same command without `UV_OFFLINE`"),
    ),
    (
        ("407 Proxy", "proxy authorization", "tunnel error"),
        "the proxy did not let the download through",
        Hint(
            "fetch.proxy", "put address, user and password of the proxy into `HTTPS_PROXY`: `http://USER:PASSWORD@HOST`"
        ),
    ),
    (
        ("401 Unauthorized", "403 Forbidden"),
        "the package index wants other credentials",
        Hint("fetch.login", "put user and password into the index's address or `~/.netrc`, and check the address"),
    ),
    (
        ("certificate", "CertificateUnknown", "UnknownIssuer"),
        "the certificate of the package index is not trusted",
        Hint("fetch.certificate", "set `SSL_CERT_FILE` to the file with your organisation's certificates"),
    ),
    (
        ("dns error", "failed to lookup address"),
        "the package index was not found in the network",
        Hint("fetch.index", "connect to the network; behind a mirror or proxy set `index-url` or `HTTPS_PROXY`"),
    ),
    (
        ("error sending request", "Failed to fetch", "Connection", "timed out", "Network", "HTTP status"),
        "a download failed",
        Hint("fetch.index", "behind a mirror or proxy, set `index-url` for pip or uv, or `HTTPS_PROXY`"),
    ),
)


def _hash_error(said: str, plan: Plan) -> FetchError:
    """Name the package, what the lock expects and what arrived.

    A sample::

        error: Failed to download `six==1.15.0`
          cause: Hash mismatch for `six==1.15.0`

                 Expected:
                   sha256:30639c035cdb23534cd4aa2dd52c3bf48f06e5f4a941509c8bafd8ce11080259

                 Computed:
                   sha256:7d4850706b4b5e2daacb68f73a16c5cc3bb4bc2c5ecba99285fd8a3a1a637635
    """
    named = re.search(r"ash mismatch for `([^`]+)`", said)
    package = named[1] if named else "a package"
    expected_text, _, computed_text = said.partition("Expected:")[2].partition("Computed:")
    expected, computed = _hashes(expected_text), _hashes(computed_text)
    shown = " or ".join(expected[:_HASHES_SHOWN])
    if len(expected) > _HASHES_SHOWN:
        shown += f" or one of {len(expected) - _HASHES_SHOWN} more"
    cause = f"expected {shown}, found {' '.join(computed)}" if expected and computed else explain(said)
    name = re.split(r"[=<>!~ @]", package)[0]
    clean = f"run `uv cache clean{f' {name}' if named else ''}` and try again, in case a download was damaged"
    return FetchError(
        f"`{package}` does not have a hash that the lock pins",
        cause=f"{cause}; the lock is `{plan.lock.origin}`",
        hints=[Hint("fetch.cache", clean), _lock_hint(plan)],
    )


def _hashes(text: str) -> list[str]:
    return re.findall(r"sha\d+:[0-9a-f]+", text)


def _lock_hint(plan: Plan) -> Hint:
    """Say how to get a lock of what the index has: in place, or in a recipe of one's own when it comes with gpuenv."""
    loaded = plan.choice.loaded
    if loaded.origin == "shipped":
        how = "pin it in a recipe of your own: `gpuenv recipes init NAME`, then `gpuenv lock`"
    else:
        how = f"make the lock anew: `gpuenv lock {typed(Path(loaded.path))}`"
    return Hint("fetch.lock", f"if the index has something else on purpose, {how}")
