"""`gpuenv facts list|show|update`: what gpuenv knows, who says so, and how a team adds to it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gpuenv.cli.options import Parser, add_common
from gpuenv.cli.outcome import Outcome
from gpuenv.cli.text import columns, terminal_columns
from gpuenv.errors import Hint, UsageError

if TYPE_CHECKING:
    from gpuenv.session import Session


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands of `facts`."""
    commands = parser.add_subparsers(dest="subcommand", metavar="COMMAND", required=True, parser_class=Parser)
    listing = commands.add_parser("list", help="list the tables, their rows, and files that teams added")
    show = commands.add_parser("show", help="print every claim about a TensorFlow release, with its source")
    show.add_argument("release", metavar="RELEASE", help="minor release of TensorFlow, as 2.9")
    update = commands.add_parser("update", help="take a file of facts, which then win over gpuenv's own")
    update.add_argument("file", metavar="FILE", type=Path)
    for command, function in ((listing, _list), (show, _show), (update, _update)):
        add_common(command)
        command.set_defaults(subrun=function)


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Run the sub-command."""
    outcome: Outcome = args.subrun(args, session)
    return outcome


def _list(args: argparse.Namespace, session: Session) -> Outcome:
    from gpuenv.facts.team import read_facts, team_files

    directory = Path(__file__).parents[1] / "facts"
    own = [{"path": path, "rows": _rows(path), "origin": "gpuenv"} for path in sorted(directory.glob("*.[cj]s*"))]
    team = []
    for path in team_files(session.environ):
        found = read_facts(path)
        rows = len(found.products) + len(found.drivers) + len(found.architectures) + len(found.tensorflow)
        team.append({"path": path, "rows": rows, "origin": "team"})
    text = columns((str(one["path"]), f"{one['rows']} rows", str(one["origin"])) for one in (*team, *own))
    return Outcome({"tables": [*team, *own]}, text)


def _rows(path: Path) -> int:
    """Count the rows of a table: a CSV file, or a JSON file of tables beside a few words about them."""
    text = path.read_text("utf-8")
    if path.suffix == ".csv":
        return len(text.splitlines()) - 1
    import json

    return sum(len(table) for key, table in json.loads(text).items() if key != "sources")


def _show(args: argparse.Namespace, session: Session) -> Outcome:
    from gpuenv.cli.claims import claims_text
    from gpuenv.facts import claims, releases

    series = ".".join(args.release.removeprefix("tf-").split(".")[:2])
    known = [release.series for release in releases()]
    if series not in known:
        raise UsageError(
            f"nothing is known of TensorFlow `{args.release}`",
            hints=[Hint("facts.known", f"choose from {', '.join(known)}")],
        )
    found = dict.fromkeys(claim for platform in ("linux-64", "win-64") for claim in claims(series, None, platform))
    return Outcome({"release": series, "claims": list(found)}, claims_text(series, list(found), terminal_columns()))


def _update(args: argparse.Namespace, session: Session) -> Outcome:
    from gpuenv.facts.team import DIRECTORY, read_facts
    from gpuenv.text_files import write_texts

    _check_keys(args.file, {row.key for row in read_facts(args.file).tensorflow})
    target = session.data_dir / DIRECTORY / f"{args.file.stem}.yaml"
    replaced = target.exists()
    write_texts({target: args.file.read_text("utf-8-sig")})
    text = f"{'Replaced' if replaced else 'Took'} `{target}`\nNext: gpuenv facts list"
    return Outcome({"path": target, "replaced": replaced}, text, talk=True)


def _check_keys(file: Path, keys: set[str]) -> None:
    """Refuse a key that gpuenv's own table does not have: nobody would ever read it. Raises UsageError."""
    from gpuenv.facts.tensorflow import own_keys

    known = {"without_ptx_machine_code"} | own_keys()
    for key in sorted(keys - known):
        hint = Hint("facts.keys", f"choose from {', '.join(sorted(known))}")
        raise UsageError(f"`{file}`: no fact about TensorFlow is called `{key}`", hints=[hint])
