"""Turn what a user pastes into plain text: any encoding, colours, wrapped lines, prefixes of other programs."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator

# ECMA-48 control sequences (colours, cursor), OSC sequences (titles, links), and ECMA-35's (another set of characters).
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|[\u2190\u241b]\[[\d;]*m"
)
# What a terminal would obey and nobody can read.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# What stands in front of each line of someone else's log: `web-1  | `, `> `, `2023-...Z stderr F `, `2023-...Z `.
_STAMP = r"\d{4}-\d\d-\d\dT[\d:.]{8,18}Z "
_PREFIX = re.compile(
    rf"^(?:(?:[\w.-]{{1,60}} +\| ?|(?:>|&gt;) ?|[\d:.TZ+-]{{20,35}} std(?:out|err) [FP] )(?:{_STAMP})?|{_STAMP})",
    re.MULTILINE,
)
_QUOTES = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b\u2032`\u00b4", "'") | dict.fromkeys("\u201c\u201d", '"')
)
_WRAPPED_LEAST = 60
# Widths that terminals have; one cut line is enough there.
_TERMINALS = frozenset({80, 100, 120, 132, 160})
# How a line begins that is no rest of the line before: with a time, a severity, a traceback's words.
_RECORD = re.compile(
    r"\s*$|\s*\[?\d{4}-\d\d|[IWEF]\d{4} |"
    r"[IWEF] \w|Traceback|\s*File \"|\w*(?:Error|Warning)\b|(?:error|warning|INFO|WARNING|ERROR):|Could not"
)
# Hexadecimal ones too, as addresses are, and those within a name, as of files: `img_0001.png`.
_NUMBERS = re.compile(r"\b(?:0x)?[\da-f]*\d[\da-f]*\b|\d+")


def decode(data: bytes) -> str:
    """Decode a log: UTF-8, UTF-16 as PowerShell's `>` writes it (with or without its mark), a code page of Windows.

    Where several programs wrote into one file, each line has its own.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    head = data[:4096]
    for encoding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if len(head) >= 8 and zeros.count(0) > 0.6 * len(zeros):
            return data.decode(encoding, "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        from gpuenv.doctor.code_pages import decode_lines

        return decode_lines(data.removeprefix(b"\xef\xbb\xbf"))


def clean(text: str) -> str:
    r"""Return the text that the program meant: one form of quotes, no colours, no prefixes, whole lines.

    Samples of what is undone::

        \x1b[31mImportError\x1b[0m: DLL load failed      colours
        {"log":"... cudart64_110.dll\n","stream":"stderr"}   a container's log, a cell of a notebook file
        web-1  | Could not load dynamic library          the prefix of docker compose, or `> ` of a quotation
        Could not create cudnn handle: CUDNN_STAT        a line that a terminal cut where it was full
        US_INTERNAL_ERROR
    """
    text = _out_of_json(text.replace("\x00", "").lstrip("\ufeff"))
    text = _CONTROLS.sub("", _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n"))
    if text.count("\\n") > text.count("\n"):
        text = text.replace("\\n", "\n").replace('\\"', '"')
    if "&#" in text or "&quot;" in text or "&lt;" in text:
        text = html.unescape(text)
    text = text.translate(_QUOTES)
    if _PREFIX.search(text):  # a terminal may have cut the lines with their prefixes
        text = _PREFIX.sub("", _unwrapped(text))
    return _unwrapped(text)


def _out_of_json(text: str) -> str:
    """Return the texts in a notebook file or cell, or in a log with a JSON object a line; any other text as it is."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return "".join(_texts(json.loads(text)))
    except (ValueError, RecursionError):
        pass
    found = []
    for line in text.split("\n"):
        try:
            found.append("".join(_texts(json.loads(line))) if line.lstrip().startswith("{") else line)
        except (ValueError, RecursionError):
            found.append(line)
    return "".join(part if part.endswith("\n") else f"{part}\n" for part in found)


def _texts(value: object) -> Iterator[str]:
    """Give every text in a JSON value, short words such as `stderr` aside; a text that ends no line ends one here."""
    if isinstance(value, str):
        if " " in value or "\n" in value:
            yield value if value.endswith("\n") else f"{value}\n"
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)


def _unwrapped(text: str) -> str:
    """Join the lines that a terminal cut: those as long as the longest one that no new record follows."""
    lines = text.split("\n")
    width = max(map(len, lines), default=0)
    if width < _WRAPPED_LEAST:
        return text
    full = [number for number, line in enumerate(lines[:-1]) if len(line) == width]
    cut = {number for number in full if not (_RECORD.match(lines[number + 1]) or _PREFIX.match(lines[number + 1]))}
    if len(cut) < 2 and width not in _TERMINALS:
        return text
    return "".join(line if number in cut else f"{line}\n" for number, line in enumerate(lines))


def without_repeats(text: str) -> tuple[str, list[int]]:
    """Leave out lines that differ from earlier ones in nothing but numbers; return the rest, and its line numbers.

    An allocator or a progress bar prints thousands of them. The first two are kept, and the last one, because of its
    place.
    """
    lines = text.split("\n")
    seen: dict[str, int] = {}
    last: dict[str, int] = {}
    shapes = [_NUMBERS.sub("", line) for line in lines]
    for number, shape in enumerate(shapes):
        last[shape] = number
    kept = []
    for number, shape in enumerate(shapes):
        seen[shape] = seen.get(shape, 0) + 1
        if seen[shape] <= 2 or last[shape] == number:
            kept.append(number)
    return "\n".join(lines[number] for number in kept), [number + 1 for number in kept]
