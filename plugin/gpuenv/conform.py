"""Compare a YAML tree with a msgspec struct and say every difference where it stands. A leaf beside `document.py`.

msgspec itself stops at the first error, and its path hides the keys of mappings (`$.sources[...].cudnn`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache

import msgspec
from msgspec import inspect

from gpuenv.document import Entry, Part, Problem, Value

Path = tuple[Part, ...]

LIKENESS_MIN = 0.6  # as difflib's get_close_matches has it: `linux64` is `linux-64`, `colour` is nothing known
PREFERENCE = 0.15
SHOWN_MAX = 80  # characters of a wrong value in a message
_MISSING = "expected the key"


def differences(value: Value, struct: type[msgspec.Struct]) -> list[Problem]:
    """Return what keeps the value from being converted into the struct; empty when nothing does."""
    return list(_check(value, _type_of(struct), ()))


@lru_cache(maxsize=8)
def _type_of(struct: type[msgspec.Struct]) -> inspect.Type:
    return inspect.type_info(struct)


def closest(word: str, known: Iterable[str], preferred: Collection[str] = ()) -> str | None:
    """Return the known word that was probably meant, of two that are about as close the preferred one; or None."""
    likeness = {one: _likeness(one.lower(), word.lower()) for one in known}
    close = [one for one, ratio in likeness.items() if ratio >= LIKENESS_MIN]
    return max(close, key=lambda one: likeness[one] + (PREFERENCE if one in preferred else 0.0), default=None)


def _likeness(one: str, other: str) -> float:
    """Return how alike two words are, from 0 to 1."""
    from difflib import SequenceMatcher

    # Swapped letters in a short word, as `pipy` for `pypi`, are 0.5 to difflib.
    return 0.9 if one != other and sorted(one) == sorted(other) else SequenceMatcher(None, one, other).ratio()


def _check(value: Value, wanted: inspect.Type, path: Path) -> Iterator[Problem]:
    expected = _words(wanted)
    wanted = _unwrapped(wanted)
    match wanted:
        case inspect.StructType():
            yield from _check_struct(value, wanted, path)
        case inspect.DictType():
            yield from _check_mapping(value, wanted, path)
        case inspect.ListType():
            yield from _check_list(value, wanted, path)
        case inspect.LiteralType() if value.kind != "text" or value.text not in wanted.values:
            yield _wrong(value, expected, path, wanted.values)
        case inspect.StrType() if value.kind != "text":
            yield _wrong(value, expected, path)
        case inspect.StrType(pattern=pattern) if pattern is not None and not re.search(pattern, value.text):
            if expected == "a text":
                expected = f"a text like `{pattern}`"
            yield _wrong(value, expected, path)


def _unwrapped(wanted: inspect.Type) -> inspect.Type:
    """Take the type out of `Annotated[...]` and `X | None` (to leave a key out is the way to write None)."""
    while True:
        if isinstance(wanted, inspect.Metadata):
            wanted = wanted.type
        elif isinstance(wanted, inspect.UnionType):
            wanted = next(one for one in wanted.types if not isinstance(one, inspect.NoneType))
        else:
            return wanted


def _check_struct(value: Value, wanted: inspect.StructType, path: Path) -> Iterator[Problem]:
    if value.kind != "mapping":
        yield _wrong(value, "a mapping", path)
        return
    fields = {field.encode_name: field for field in wanted.fields}
    absent = [name for name in fields if value.get(name) is None]
    misspelt = set()
    for entry in value.entries:
        field = fields.get(entry.key)
        if field is None:
            # A key that is there already may be meant too, but rather one that is not.
            misspelt.add(closest(entry.key, fields, absent))
            yield _unknown_key(entry, list(fields), path, absent)
        else:
            yield from _check(entry.value, field.type, (*path, entry.key))
    for name in absent:
        if fields[name].required and name not in misspelt:
            yield Problem(value.mark, f"{_MISSING} `{name}`, found none", path)


def _check_mapping(value: Value, wanted: inspect.DictType, path: Path) -> Iterator[Problem]:
    if value.kind != "mapping":
        yield _wrong(value, "a mapping", path)
        return
    if len(value.entries) < (wanted.min_length or 0):
        yield Problem(value.mark, "expected at least one entry, found none", path)
    key_type = _unwrapped(wanted.key_type)
    for entry in value.entries:
        if isinstance(key_type, inspect.LiteralType) and entry.key not in key_type.values:
            yield _unknown_key(entry, [str(one) for one in key_type.values], path)
            continue
        pattern = key_type.pattern if isinstance(key_type, inspect.StrType) else None
        if pattern is not None and not re.search(pattern, entry.key):
            yield Problem(entry.mark, f"expected a key like `{pattern}`, found `{entry.key}`", path)
        problems = list(_check(entry.value, wanted.value_type, (*path, entry.key)))
        if any(problem.message.startswith(_MISSING) for problem in problems):
            # Names of sources are free, so a misspelt one shows only by what its entry lacks.
            meant = closest(entry.key, [other.key for other in value.entries if other is not entry])
            if meant is not None:
                message = f"expected a whole entry, found a part of one for `{entry.key}`; did you mean `{meant}`?"
                problems = [Problem(entry.mark, message, path)]
        yield from problems


def _check_list(value: Value, wanted: inspect.ListType, path: Path) -> Iterator[Problem]:
    if value.kind != "list":
        yield _wrong(value, "a list", path)
        return
    if len(value.items) < (wanted.min_length or 0):
        yield Problem(value.mark, "expected at least one entry, found none", path)
    for index, item in enumerate(value.items):
        yield from _check(item, wanted.item_type, (*path, index))


def _unknown_key(entry: Entry, known: list[str], path: Path, absent: Collection[str] = ()) -> Problem:
    meant = closest(entry.key, known, absent)
    if meant is not None:
        message = f"expected a known key, found `{entry.key}`; did you mean `{meant}`?"
    else:
        message = f"expected {_any_of(list(absent) or known)}, found the key `{entry.key}`"
    return Problem(entry.mark, message, path)


def _wrong(value: Value, expected: str, path: Path, choices: Iterable[object] = ()) -> Problem:
    message = f"expected {expected}, found {_found(value)}"
    if value.kind in ("number", "boolean", "date", "nothing") and expected.startswith(("a text", "a quoted", "`")):
        # `cudnn: 8.10` is the number 8.1 to YAML; the text that was written is what was meant.
        message += f'; quote it: "{value.text}"' if value.text else ""
    elif value.kind == "text" and choices:
        meant = closest(value.text, map(str, choices))
        message += f"; did you mean `{meant}`?" if meant else ""
    return Problem(value.mark, message, path)


def _found(value: Value) -> str:
    match value.kind:
        case "text":
            return f"`{shortened(value.text)}`"
        case "list" | "mapping":
            return f"a {value.kind}"
        case "nothing":
            return "nothing"
        case _:
            return f"the {value.kind} `{value.text}`"


def shortened(text: str) -> str:
    """Return the beginning of a text that is too long for a message, as that of a file which is no YAML at all."""
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."


def _words(wanted: inspect.Type) -> str:
    """Say what is wanted: the description that the model gives, or the kind."""
    if isinstance(wanted, inspect.UnionType):
        wanted = next(one for one in wanted.types if not isinstance(one, inspect.NoneType))
    if isinstance(wanted, inspect.Metadata):
        schema = wanted.extra_json_schema or {}
        return str(schema["description"]) if "description" in schema else _words(wanted.type)
    match wanted:
        case inspect.LiteralType():
            return _any_of([str(value) for value in wanted.values])
        case inspect.StrType():
            return "a text"
        case inspect.ListType():
            return "a list"
        case _:
            return "a mapping"


def _any_of(words: list[str]) -> str:
    quoted = [f"`{word}`" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
