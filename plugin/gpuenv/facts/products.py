"""Which compute capability a GPU product has, by its name (`gpu_products.csv`)."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from gpuenv.model import ComputeCapability, parse_compute_capability

_TABLE = Path(__file__).with_name("gpu_products.csv")
_BRANDS = frozenset({"geforce", "quadro", "tesla"})
# Words that drivers and shops add to a product's name without its being another chip. `ti`, `super` and letters
# behind a number are not among them: those are other products, some with another capability.
_HARMLESS = re.compile(
    r"\d+gb|sxm\d?|hbm\d?e?|pcie|nvl|laptop|mobile|notebook|gpu|graphics|with|max|q|design|generation|edition"
    r"|workstation|server|lite|hash|rate|nvidia|tm|r|c"
)
# A name without these may still mean the product with them: `RTX 4000` is a Turing Quadro or an Ada card.
_LATER = ("ada", "blackwell")

Words = tuple[str, ...]


def capability_of_product(name: str) -> ComputeCapability | None:
    """Return the compute capability of a GPU by product name, or None when the name is unknown or ambiguous.

    Case, `NVIDIA`, a missing brand, memory sizes, form factors and `Laptop GPU` do not matter::

        NVIDIA GeForce RTX 3080, rtx 3080, GeForce RTX 3080 Ti Laptop GPU, NVIDIA A100-SXM4-40GB

    `RTX 4000` is None: there is a Quadro RTX 4000 (7.5) and an RTX 4000 Ada (8.9).
    """
    words = _words(name)
    if not words:
        return None
    exact = _by_words().get(words)
    if exact is not None:
        return exact
    if words[0] in _BRANDS:
        # Drivers say `NVIDIA T4` for what the table calls `Tesla T4`, and the reverse.
        return _single(_without_brand().get(words[1:], frozenset()) if words[0] == "tesla" else frozenset())
    found = _without_brand().get(words, frozenset())
    later = (_without_brand().get((*words, word), frozenset()) for word in _LATER)
    return _single(found.union(*later)) if found else None


def product_suggestions(name: str) -> tuple[str, ...]:
    """Return up to three product names that look like `name`, the most similar first."""
    from difflib import get_close_matches

    wanted = _words(name)
    # Without the brand unless it was given: the letters of `GeForce` would drown the number that is off by one.
    shorten = not (wanted and wanted[0] in _BRANDS)
    known = {" ".join(_unbranded(words) if shorten else words): product for product, words in _named()}
    return tuple(known[match] for match in get_close_matches(" ".join(wanted), known, n=3, cutoff=0.6))


def products_of(capability: ComputeCapability) -> tuple[str, ...]:
    """Return the products of that compute capability, in the order of the table; none when it has none."""
    return tuple(name for name, found in products() if found == capability)


def _named() -> list[tuple[str, Words]]:
    return [(product, _words(product)) for product, _ in products()]


def _unbranded(words: Words) -> Words:
    return words[1:] if words[0] in _BRANDS else words


def _words(name: str) -> Words:
    """Split a name into the words that tell products apart: `NVIDIA GeForce RTX3080Ti 12GB` -> geforce rtx 3080 ti."""
    text = re.sub(r"\b(rtx|gtx|gt)(?=\d)", r"\1 ", name.lower())
    text = re.sub(r"(?<=\d)(ti|super)\b", r" \1", text)
    words = re.findall(r"[a-z0-9]+", text)
    return tuple(word for word in words if not _HARMLESS.fullmatch(word))


def _single(found: frozenset[ComputeCapability]) -> ComputeCapability | None:
    return next(iter(found)) if len(found) == 1 else None


@lru_cache(maxsize=1)
def products() -> tuple[tuple[str, ComputeCapability], ...]:
    """Return names and compute capabilities, those of teams first.

    Sample line: `GeForce RTX 3080,8.6,Ampere,nvidia-derived|wikipedia-copy,`.
    """
    import csv

    from gpuenv.facts.team import team_facts

    team = [(row.name, parse_compute_capability(row.compute_capability)) for row in team_facts().products]
    said = {_words(name) for name, _ in team}
    with _TABLE.open(encoding="utf-8", newline="") as file:
        own = [(row["name"], parse_compute_capability(row["compute_capability"])) for row in csv.DictReader(file)]
    return (*team, *(row for row in own if not said or _words(row[0]) not in said))


@lru_cache(maxsize=1)
def _by_words() -> dict[Words, ComputeCapability]:
    """Return capabilities by the full name's words, without names that the table gives two capabilities."""
    found: dict[Words, set[ComputeCapability]] = {}
    for name, capability in products():
        found.setdefault(_words(name), set()).add(capability)
    return {words: capabilities.pop() for words, capabilities in found.items() if len(capabilities) == 1}


@lru_cache(maxsize=1)
def _without_brand() -> dict[Words, frozenset[ComputeCapability]]:
    """Return every capability that a name has under any brand or none."""
    found: dict[Words, set[ComputeCapability]] = {}
    for name, capability in products():
        found.setdefault(_unbranded(_words(name)), set()).add(capability)
    return {words: frozenset(capabilities) for words, capabilities in found.items()}
