"""Make texts that a regular expression matches: the shortest ones, with each of its alternatives."""

from __future__ import annotations

import random
import re
from typing import Any

try:
    from re import _constants as codes  # type: ignore[attr-defined]
    from re import _parser as parser  # type: ignore[attr-defined]
except ImportError:  # before Python 3.11
    import sre_constants as codes
    import sre_parse as parser

_CHARACTERS = "x7 _-/.:(=ABCé的\n"
_MEMBERS = {
    codes.CATEGORY_DIGIT: str.isdigit,
    codes.CATEGORY_NOT_DIGIT: lambda it: not it.isdigit(),
    codes.CATEGORY_SPACE: str.isspace,
    codes.CATEGORY_NOT_SPACE: lambda it: not it.isspace(),
    codes.CATEGORY_WORD: lambda it: it.isalnum() or it == "_",
    codes.CATEGORY_NOT_WORD: lambda it: not (it.isalnum() or it == "_"),
}


def matches_of(pattern: re.Pattern[str], tries: int = 5) -> set[str]:
    """Return some texts that the pattern matches as a whole; what looks ahead or back may leave none."""
    tree = parser.parse(pattern.pattern, pattern.flags)
    made = {_Maker(random.Random(seed)).text(tree) for seed in range(tries)}
    return {text for text in made if pattern.fullmatch(text)}


class _Maker:
    def __init__(self, choose: random.Random) -> None:
        self._choose, self._groups = choose, dict[int, str]()

    def text(self, tree: Any) -> str:
        return "".join(self._one(code, value) for code, value in tree)

    def _one(self, code: Any, value: Any) -> str:
        if code is codes.LITERAL:
            return chr(value)
        if code is codes.IN:
            return self._member(value)
        if code in (codes.ANY, codes.NOT_LITERAL):
            return "x" if value != ord("x") else "y"
        if code is codes.BRANCH:
            return self.text(self._choose.choice(value[1]))
        if code is codes.SUBPATTERN:
            self._groups[value[0]] = made = self.text(value[-1])
            return made
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
            least, most, inner = value
            return "".join(self.text(inner) for _ in range(min(most, least + self._choose.randrange(2))))
        if code is codes.GROUPREF:
            return self._groups.get(value, "")
        return ""

    def _member(self, items: list[tuple[Any, Any]]) -> str:
        """Choose a character of a class such as `[^\\n;]`; it may have to be one that the class names itself."""
        named = [chr(value) for code, value in items if code is codes.LITERAL]
        named += [chr(value[0]) for code, value in items if code is codes.RANGE]
        fitting = [it for it in (*_CHARACTERS, *named) if _holds(items, it)]
        return self._choose.choice(fitting) if fitting else ""


def _holds(items: list[tuple[Any, Any]], character: str) -> bool:
    inside = any(
        (code is codes.LITERAL and value == ord(character))
        or (code is codes.RANGE and value[0] <= ord(character) <= value[1])
        or (code is codes.CATEGORY and _MEMBERS[value](character))
        for code, value in items
    )
    return inside != any(code is codes.NEGATE for code, _ in items)
