"""Read YAML into a tree in which every key and value knows its file, line and column. A leaf for recipes and settings.

The tree is plain enough to be merged (`extends`), and what is wrong with a value can be said where it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gpuenv.errors import UsageError

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node as YamlNode

Kind = Literal["text", "number", "boolean", "nothing", "date", "list", "mapping"]
Part = str | int

_TAG = "tag:yaml.org,2002:"
_KINDS: dict[str, Kind] = {
    "str": "text",
    "int": "number",
    "float": "number",
    "bool": "boolean",
    "null": "nothing",
    "timestamp": "date",
    "seq": "list",
    "map": "mapping",
}


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file; line and column count from one."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """Print the place as editors and compilers do: `tf-2.4.yaml:31:5`."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Value:
    """One value: `text` as it is written for a scalar, `items` for a list, `entries` for a mapping."""

    kind: Kind
    mark: Mark
    text: str = ""
    items: tuple[Value, ...] = ()
    entries: tuple[Entry, ...] = ()

    def get(self, key: str) -> Entry | None:
        """Return the entry of that key, or None."""
        return next((entry for entry in self.entries if entry.key == key), None)


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping and its value."""

    key: str
    mark: Mark
    value: Value


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a place; `path` says which value, as `("sources", "pypi", "cudnn")`."""

    mark: Mark
    message: str
    path: tuple[Part, ...] = ()

    def __str__(self) -> str:
        """Print the place, what is wrong, and the path: `tf-2.4.yaml:31:5: expected ... (sources.pypi.cudnn)`."""
        return f"{self.mark}: {self.message}" + (f" ({dotted(self.path)})" if self.path else "")


class DocumentError(Exception):
    """A file that cannot be read as YAML."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def read_file(path: Path) -> Value:
    """Read a YAML file in UTF-8. Raises DocumentError, also for bytes that are no UTF-8; OSError for no such file."""
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        before = data[: err.start]
        mark = Mark(str(path), before.count(b"\n") + 1, err.start - before.rfind(b"\n"))
        raise DocumentError(Problem(mark, f"expected UTF-8, found the byte `0x{data[err.start]:02x}`")) from err
    return read_text(text, str(path))


def read_text(text: str, file: str) -> Value:
    """Read YAML 1.2, one document. Raises DocumentError for wrong YAML, keys that stand twice, and tags.

    Sample::

        framework:
          version: "2.4.0"
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        place = Mark(file, mark.line + 1, mark.column + 1) if mark else Mark(file, 1, 1)
        raise DocumentError(Problem(place, _words(err.problem))) from err
    except YAMLError as err:  # a character that YAML forbids; ruamel says which, and counts characters, not lines
        before = text[: getattr(err, "position", 0)]
        place = Mark(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise DocumentError(Problem(place, "expected YAML, found a control character")) from err
    if node is None:
        return Value("nothing", Mark(file, 1, 1))
    return _value(node, file, ())


def _words(problem: str | None) -> str:
    """Word what ruamel says: `but found another document`, `mapping values are not allowed here`."""
    words = (problem or "something else").strip().removeprefix("but ")
    return f"expected YAML, {words}" if words.startswith("found") else f"not valid YAML: {words}"


def _value(node: YamlNode, file: str, within: tuple[int, ...]) -> Value:
    """Turn ruamel's node into a value. `within` holds the nodes around it: an alias may not contain itself."""
    mark = Mark(file, node.start_mark.line + 1, node.start_mark.column + 1)
    if id(node) in within:
        raise DocumentError(Problem(mark, f"expected a value, found the alias `*{node.anchor}` inside of itself"))
    kind = _KINDS.get(str(node.tag).removeprefix(_TAG)) if str(node.tag).startswith(_TAG) else None
    if kind is None:
        raise DocumentError(Problem(mark, f"expected a value without a tag, found `{node.tag}`"))
    if kind == "list":
        return Value(kind, mark, items=tuple(_value(item, file, (*within, id(node))) for item in node.value))
    if kind == "mapping":
        return Value(kind, mark, entries=tuple(_entries(node, file, (*within, id(node)))))
    return Value(kind, mark, text=node.value)


def _entries(node: YamlNode, file: str, within: tuple[int, ...]) -> Iterator[Entry]:
    seen: dict[str, Mark] = {}
    for key_node, value_node in node.value:
        mark = Mark(file, key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if str(key_node.tag) == f"{_TAG}merge":
            raise DocumentError(Problem(mark, "expected a key, found `<<`; use `extends` or write the keys out"))
        if str(key_node.tag) != f"{_TAG}str":
            found = f"`{key_node.value}`" if isinstance(key_node.value, str) else "a list or mapping"
            raise DocumentError(Problem(mark, f"expected a text as key, found {found}; put it in quotes"))
        key = key_node.value
        if key in seen:
            raise DocumentError(Problem(mark, f"expected each key once, found `{key}` again (line {seen[key].line})"))
        seen[key] = mark
        yield Entry(key, mark, _value(value_node, file, within))


def merge(base: Value, change: Value) -> Value:
    """Lay one value over another: mappings are merged key by key, `null` removes a key, anything else replaces."""
    if base.kind != "mapping" or change.kind != "mapping":
        return _without_nothing(change)
    changes = {entry.key: entry for entry in change.entries}
    merged = []
    for entry in base.entries:
        over = changes.pop(entry.key, None)
        if over is None:
            merged.append(entry)
        elif over.value.kind != "nothing":
            merged.append(Entry(over.key, over.mark, merge(entry.value, over.value)))
    added = (Entry(key, entry.mark, _without_nothing(entry.value)) for key, entry in changes.items())
    kept = (entry for entry in added if entry.value.kind != "nothing")
    return Value("mapping", change.mark, entries=(*merged, *kept))


def _without_nothing(value: Value) -> Value:
    """Drop keys that are `null` from a value that is new, so that removing what is not there is no error."""
    if value.kind != "mapping":
        return value
    entries = ((entry, _without_nothing(entry.value)) for entry in value.entries)
    kept = tuple(Entry(entry.key, entry.mark, inner) for entry, inner in entries if inner.kind != "nothing")
    return Value("mapping", value.mark, entries=kept)


def without(value: Value, key: str) -> Value:
    """Return a mapping without one of its keys."""
    return Value(value.kind, value.mark, entries=tuple(entry for entry in value.entries if entry.key != key))


def plain(value: Value) -> Any:
    """Return the value as Python's own types; dates stay text."""
    match value.kind:
        case "mapping":
            return {entry.key: plain(entry.value) for entry in value.entries}
        case "list":
            return [plain(item) for item in value.items]
        case "nothing":
            return None
        case "boolean":
            return value.text.lower() == "true"
        case "number":
            return _number(value.text)
        case _:
            return value.text


def _number(text: str) -> int | float:
    """Read a number of YAML 1.2: `16`, `0x10`, `1_000`, `1.5`, `.inf`."""
    try:
        return int(text.replace("_", ""), 0)
    except ValueError:
        return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))


def place(value: Value, path: Sequence[Part]) -> Mark:
    """Return where the value of a path stands, or as much of the path as there is."""
    for part in path:
        if isinstance(part, int):
            if part >= len(value.items):
                break
            value = value.items[part]
        else:
            entry = value.get(part)
            if entry is None:
                break
            value = entry.value
    return value.mark


def dotted(path: Iterable[Part]) -> str:
    """Print a path: `sources.pypi.requirements.linux-64[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def error_of(problems: Iterable[Problem], kind: type[UsageError]) -> UsageError:
    """Make one error of all problems: the first is the message, the others are the cause."""
    ordered = sorted(problems, key=lambda problem: problem.mark)
    others = [str(problem) for problem in ordered[1:]]
    return kind(str(ordered[0]), cause="; ".join(others) or None)
