"""`gpuenv list`: the environments there are, and what was proven about each."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gpuenv.cli.outcome import Outcome
from gpuenv.cli.text import columns, option_for
from gpuenv.errors import TargetError

if TYPE_CHECKING:
    from gpuenv.model import Receipt
    from gpuenv.session import Session


def configure(parser: argparse.ArgumentParser) -> None:
    """Add nothing: `list` takes no options of its own."""


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """List environments with a receipt, and the ones whose creation was cut short."""
    from gpuenv.receipt import known_prefixes, read_receipt
    from gpuenv.settings import environments_dir
    from gpuenv.transaction import unfinished

    receipts, damaged = [], []
    for prefix in known_prefixes(environments_dir(session.environ), session.data_dir, session.names.known()):
        try:
            receipts.append(read_receipt(prefix))
        except TargetError as error:
            damaged.append((prefix, error))
    begun = unfinished(session.state_dir)
    data = {
        "environments": [_entry(receipt) for receipt in receipts],
        "damaged": [{"prefix": prefix, "message": why.message} for prefix, why in damaged],
        "unfinished": begun,
    }
    rows = [(receipt.name or "", _stack(receipt), proven(receipt), receipt.prefix) for receipt in receipts]
    rows += [(prefix.name, "", "damaged", str(prefix)) for prefix, _ in damaged]
    rows += [(prefix.name, "", "unfinished", str(prefix)) for prefix in begun]
    text = columns(rows) if rows else "No environments yet. Next: gpuenv create -n tf"
    for _, why in damaged:
        text += f"\nDamaged: {'; '.join([why.message, *(hint.text for hint in why.hints[:1])])}"
    if begun:
        text += f"\nUnfinished, unless a gpuenv is at it now. Next: gpuenv remove {option_for(None, str(begun[0]))}"
    return Outcome(data, text, talk=not rows)


def proven(receipt: Receipt) -> str:
    """Say in a word or two what is known: `proven`, `failed: train`, `not proven: device, train`."""
    failed = dict.fromkeys(result.check for result in receipt.checks if result.status == "failed")
    if failed:
        return f"failed: {', '.join(failed)}"
    open_ = dict.fromkeys(result.check for result in receipt.checks if result.status == "not run")
    if open_ or not receipt.checks:
        return f"not proven: {', '.join(open_) or 'nothing ran'}"
    return f"proven: {', '.join(dict.fromkeys(result.check for result in receipt.checks))}"


def _stack(receipt: Receipt) -> str:
    return f"{receipt.framework} {receipt.framework_version}, Python {receipt.python_version}"


def _entry(receipt: Receipt) -> dict[str, object]:
    return {
        "name": receipt.name,
        "prefix": Path(receipt.prefix),
        "recipe": receipt.recipe,
        "framework": receipt.framework,
        "framework_version": receipt.framework_version,
        "python_version": receipt.python_version,
        "created": receipt.created,
        "proven": proven(receipt),
    }
