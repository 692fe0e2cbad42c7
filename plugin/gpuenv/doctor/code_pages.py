"""Tell in which code page of Windows a log is, where it is not UTF-8: a console and a redirected Python write those.

Why it matters: in GBK, Shift-JIS, Big5 and Korean's Unified Hangul the second byte of a character may be an ASCII
letter, `\\`, `|` or `[`. Read in a page that is not the log's, an accented letter swallows the letter behind it, and a
rule no longer finds its words; and the user cannot read the line that is quoted. A page of single bytes swallows
nothing, so one of those is taken when nothing else is likely.

A page is likely when what it makes of the bytes are characters that its language uses often, in the places where it
does: Cyrillic letters stand beside each other, accented letters of Western Europe alone. A general detector
(charset-normalizer 3.5) was tried and left: it takes short Chinese lines for Korean, and longer to import than this to
read a log.
"""

from __future__ import annotations

from dataclasses import dataclass

# Characters that are frequent in running text, and in what Windows, Python and people write of errors.
_SIMPLIFIED = (
    "的一是不了在有人我他这中大来上个到说们为子和你地出也时年得就那要下以生会自着去之过家学对可里后小么多天而能好都然没于起还"
    "发成事只作当想看文无开用主行方又如前所本见经面同已从动长知样现分将外但与高进把法此实回理点明种全工体部正名定问力机给等最"
    "间新什位第相使信关内加化由代入先件安表原应提更反合放做系计或果及务制解各任物记接特直服建度统字请算结指非管连条变保完区即"
    "求转量空程语式写令收取设始版像找改形单据失网读组视模块错误载显存驱库链页太拒绝访例败装目录径卡训练数值类型异常效此序配参"
    "试测运图环境"
)
_TRADITIONAL = (
    "的一是不了在有人我他這中大來上個到說們為子和你地出也時年得就那要下以生會自著去之過家學對可後小多天而能好都然沒於起還"
    "發成事只作當想看文無開用主行方又如前所本見經面同已從動長知樣現分將外但與高進把法此實回理點明種全工體部正名定問力機給等最"
    "間新位第相使信關內加化由代入先件安表原應提更反合放做系計或果及務制解各任物記接特直服建度統字請算結指非管連條變保完區即"
    "求轉量空程式寫令收取設始版像找改形單據失網讀組視模組錯誤載顯存驅庫鏈頁太拒絕存取裝目錄徑訓練數檔案"
)
_HANGUL = (
    "이다의는에을를고하지가한도로은기사인서어자시대정보수리있나스일라해들과게그것원부전주여제으와아상성치문적구신국장"
    "조선화용방물연우공생동회중학요위미모소세경관진유계음오안만년야거내분등말무면실습니없찾파너작행루틴초듈올바램크액"
    "션된업완료류프되비번월입호밀합드력트않택필값할개체페변터르삭른메목형플재확마릿었템식설간저날짜추두항객래태브타활"
    "키록반존함름했든현데금권능네열뷰숫더후또려증새버델표"
)
_CYRILLIC = "оеаинтсрвлкмдпуяыьгзіъ"


@dataclass(frozen=True)
class CodePage:
    """A code page; `leads` are the first bytes of its usual two-byte characters, and `trail` their least second byte.

    `frequent` are characters to expect. `alone` says whether letters that are not ASCII stand alone, or in runs.
    """

    name: str
    frequent: frozenset[str]
    leads: frozenset[int] = frozenset()
    trail: int = 0x40
    alone: bool | None = None

    def likelihood(self, data: bytes) -> float:
        """Say how much the bytes look like text in this page: from -3 to 2 a byte that is not ASCII alone."""
        text = f" {data.decode(self.name, 'replace')} "
        points, size = 0, 0
        for before, character, after in zip(text, text[1:], text[2:], strict=False):
            if character.isascii():
                continue
            encoded = b"?" if character == "\ufffd" else character.encode(self.name)
            size += len(encoded)
            points += len(encoded) * self._weigh(before, character, after, encoded)
        return points / size if size else 0.0

    def _weigh(self, before: str, character: str, after: str, encoded: bytes) -> int:
        if character == "\ufffd":
            return -3
        if self.leads:
            if encoded[-1] < 0x80 and (_is_ascii_letter(before) or _is_ascii_letter(after)):
                return -1  # more likely an accented letter and the letter behind it, inside a word
            usual = len(encoded) == 2 and encoded[0] in self.leads and encoded[1] >= self.trail
            return 2 if character in self.frequent else 1 if usual else -1
        if not character.isalpha():
            return self._weigh_mark(before, character, after)
        if character.isupper() and before.islower():
            return -1
        return (
            self._weigh_alone(before, character, after) if self.alone else self._weigh_in_run(before, character, after)
        )

    def _weigh_mark(self, before: str, character: str, after: str) -> int:
        """Weigh a quotation mark or the like: it stands at the edge of a word."""
        inside = _is_ascii_letter(before) and _is_ascii_letter(after)
        if character not in _MARKS or (inside and character not in "\u2019\xa0"):
            return -1
        return 2 if character in _QUOTES else 0

    def _weigh_alone(self, before: str, character: str, after: str) -> int:
        """Weigh an accented letter: beside others of ASCII, or a word of its own as `à`, not beside its like."""
        if _is_other_letter(before) or _is_other_letter(after):
            return -1
        if not _is_ascii_letter(before) and not _is_ascii_letter(after):
            return 1 if character in _WORDS else -1
        return 2 if character in self.frequent else 1 if character.lower() in self.frequent else -1

    def _weigh_in_run(self, before: str, character: str, after: str) -> int:
        """Weigh a letter of an alphabet that is not Latin: beside its like, capitals in front."""
        if _is_ascii_letter(before) or _is_ascii_letter(after):
            return -1
        if not _is_other_letter(before) and not _is_other_letter(after):
            return 0
        if character.isupper():
            return 0 if before.isupper() else 1
        return 2 if character in self.frequent else 1


_QUOTES = frozenset("«»\u201c\u201d\u201e\u2018\u2019\u201a\u2026\u2013\xa0¿¡")
_MARKS = _QUOTES | frozenset("\u2014\u2022·°©®€№§±²³µ")
_WORDS = frozenset("àèéóáÀÈÉÓÁ")
_KANA = "".join(map(chr, (*range(0x3041, 0x3094), *range(0x30A1, 0x30F7), 0x30FC))) + "、。・「」"

# Of those that are alike the first is taken: Western Europe, single bytes, then two bytes.
PAGES = (
    CodePage("cp1252", frozenset("äöüßéèêàâçñáíóúôîûùãõåøæœëïìò"), alone=True),
    CodePage("cp1250", frozenset("ąćęłńóśźżáčďéěíňřšťúůýžäöüßőűăâîţş"), alone=True),
    CodePage("cp1254", frozenset("çğıöşüâîûİ"), alone=True),
    CodePage("cp1251", frozenset(_CYRILLIC), alone=False),
    CodePage("cp866", frozenset(_CYRILLIC) - {"і"}, alone=False),  # noqa: RUF001
    CodePage("cp850", frozenset("äöüßéèêàâçñáíóúôîûùãõåøæëïìò"), alone=True),
    CodePage(
        "cp936",
        frozenset(_SIMPLIFIED + "\uff0c。\uff1a\u201c\u201d\uff08\uff09\uff01、"),
        frozenset((0xA1, 0xA3, *range(0xB0, 0xD8))),
        0xA1,
    ),
    CodePage("cp932", frozenset(_KANA), frozenset((0x81, *range(0x88, 0x99)))),
    CodePage("cp949", frozenset(_HANGUL), frozenset((0xA1, 0xA3, *range(0xB0, 0xC9))), 0xA1),
    CodePage(
        "cp950",
        frozenset(_TRADITIONAL + "\uff0c。\uff1a「」\uff08\uff09\uff01、"),
        frozenset((0xA1, *range(0xA4, 0xC7))),
    ),
)
_DEFAULT = PAGES[0]
# Below this a page is no better than chance.
_LEAST = 0.5
# As much of a log is looked at: a few hundred lines.
_SAMPLE_BYTES = 16 * 1024


def decode_lines(data: bytes) -> str:
    """Decode a log whose lines are UTF-8, or in one code page of Windows where they are not.

    Both are in one file when several programs write into it. Bytes that mean nothing become U+FFFD.
    """
    lines = data.split(b"\n")
    others = [line for line in dict.fromkeys(lines) if not _is_utf8(line)]
    page = _likely(b"\n".join(others)[:_SAMPLE_BYTES])
    decoded = {line: _decoded(line, page) for line in others}
    return "\n".join(decoded[line] if line in decoded else line.decode("utf-8") for line in lines)


def _decoded(line: bytes, page: CodePage) -> str:
    """Decode a line that is not UTF-8, or would be but for a character that was cut."""
    text = line.decode("utf-8", "replace")
    damaged = text.count("\ufffd")
    whole = len(text) - len(text.encode("ascii", "ignore")) - damaged
    # Two bytes of another page look like a character of UTF-8 now and then, but not mostly.
    if whole >= 4 * damaged or (whole > damaged and page.likelihood(line) < _LEAST):
        return text
    try:
        return line.decode(page.name)
    except UnicodeDecodeError:  # not the page of this line, or a character that was cut: nothing may be swallowed
        return line.decode(_DEFAULT.name, "replace")


def _likely(sample: bytes) -> CodePage:
    """Return the page that the bytes most look like; the first of those that are alike."""
    best = max(PAGES, key=lambda page: page.likelihood(sample))
    return best if best.likelihood(sample) >= _LEAST else _DEFAULT


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_ascii_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()


def _is_other_letter(character: str) -> bool:
    return not character.isascii() and character.isalpha()
