"""`gpuenv cache list|verify|clean|path`: the archives that were downloaded."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gpuenv.cli import options
from gpuenv.cli.options import Parser, add_common
from gpuenv.cli.outcome import Outcome
from gpuenv.cli.text import columns, size
from gpuenv.errors import FetchError, Hint, UsageError

if TYPE_CHECKING:
    from gpuenv.fetch import Cache, Kept
    from gpuenv.session import Session

_STATES = {"whole": "", "begun": "begun, goes on at the next fetch", "quarantined": "wrong hash, never used"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands of `cache`."""
    commands = parser.add_subparsers(dest="subcommand", metavar="COMMAND", required=True, parser_class=Parser)
    listing = commands.add_parser("list", help="list the archives, and how much room they take")
    verify = commands.add_parser("verify", help="hash every archive anew; one that has changed is put aside")
    clean = commands.add_parser("clean", help="delete archives: all, or those that are named")
    clean.add_argument("names", nargs="*", metavar="NAME", help="archives to delete, as `gpuenv cache list` names them")
    clean.add_argument("--unusable", action="store_true", help="only those that are begun or have the wrong hash")
    options.add_yes(clean)
    where = commands.add_parser("path", help="print the directory of the cache")
    for command, function in ((listing, _list), (verify, _verify), (clean, _clean), (where, _path)):
        add_common(command)
        command.set_defaults(subrun=function)


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Run the sub-command."""
    outcome: Outcome = args.subrun(args, session)
    return outcome


def _cache(session: Session) -> Cache:
    from gpuenv.fetch import Cache
    from gpuenv.settings import cache_dir

    return Cache(cache_dir(session.environ))


def _list(args: argparse.Namespace, session: Session) -> Outcome:
    cache = _cache(session)
    kept = cache.list()
    text = f"Nothing in the cache `{cache.directory}`"
    if kept:
        text = columns((one.name, size(one.size_bytes), one.sha256[:12], _STATES[one.state]) for one in kept)
    return Outcome({"path": cache.directory, "archives": kept}, text, talk=not kept)


def _verify(args: argparse.Namespace, session: Session) -> Outcome:
    """Hash everything; archives that changed give exit code 6, after all were looked at."""
    from gpuenv.model import PhaseStarted, Progress

    cache = _cache(session)
    whole = [one for one in cache.list() if one.state == "whole"]
    session.report(PhaseStarted("verify", f"Hashing {_archives(len(whole))}"))
    total, done, after = sum(one.size_bytes for one in whole), 0, []
    for one in whole:
        session.report(Progress("verify", done, total, "bytes", one.name))
        after.append(cache.verify(one))
        done += one.size_bytes
    changed = [one for one in after if one.state == "quarantined"]
    data = {"path": cache.directory, "archives": after}
    if not changed:
        said = f"Hashed {_archives(len(whole))}, {size(total)}: nothing has changed" if whole else "Nothing to verify"
        return Outcome(data, said, talk=True)
    error = FetchError(
        f"{len(changed)} of {_archives(len(whole))} changed since the download",
        cause="; ".join(f"`{one.name}` has SHA-256 `{one.sha256}` now, put aside as `{one.path}`" for one in changed),
        hints=[Hint("cache.changed", "look after the disk; what is needed again is downloaded again")],
    )
    return Outcome(data, "", status="partial", error=error)


def _clean(args: argparse.Namespace, session: Session) -> Outcome:
    cache = _cache(session)
    chosen = _chosen(cache.list(), args)
    taken = sum(one.size_bytes for one in chosen)
    if chosen:
        options.confirm(f"Delete {_archives(len(chosen))}, {size(taken)}, from `{cache.directory}`?", yes=args.yes)
    removed = [one for one in chosen if cache.remove(one)]
    busy = [one for one in chosen if one not in removed]
    freed = sum(one.size_bytes for one in removed)
    text = f"Deleted {_archives(len(removed))}, {size(freed)}" if removed else "Nothing to delete"
    if busy:
        text += "".join(f"\n`{one.name}` is being downloaded right now, left as it is" for one in busy)
    return Outcome({"path": cache.directory, "removed": removed, "busy": busy, "freed_bytes": freed}, text, talk=True)


def _chosen(kept: tuple[Kept, ...], args: argparse.Namespace) -> list[Kept]:
    """Return what to delete. Raises UsageError for a name that is not there."""
    known = {one.name for one in kept}
    unknown = [name for name in args.names if name not in known]
    if unknown:
        raise UsageError(
            f"there is no `{unknown[0]}` in the cache",
            hints=[Hint("cache.names", "run `gpuenv cache list` to see the names")],
        )
    named = [one for one in kept if not args.names or one.name in args.names]
    return [one for one in named if not args.unusable or one.state != "whole"]


def _path(args: argparse.Namespace, session: Session) -> Outcome:
    cache = _cache(session)
    return Outcome({"path": cache.directory}, str(cache.directory))


def _archives(count: int) -> str:
    return f"{count} archive{'' if count == 1 else 's'}"
