"""The page of `gpuenv matrix --html`: its parts here, and what its script does in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from gpuenv.cli.matrix_page import page
from gpuenv.recipes.matrix import Cell, Row

Run = Callable[..., Any]


@dataclass
class Seen:
    """What a browser has made of the page: the rows that are shown, their cells, and other texts."""

    names: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    old: int = 0
    count: str = ""
    title: str = ""
    sorted: list[str] = field(default_factory=list)
    invalid: bool = False


class Reader(HTMLParser):
    """Read what is shown of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = Seen()
        self._into: str | None = None
        self._row_shown = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        shown = "hidden" not in given.get("class", "").split()
        if tag == "tr":
            self._row_shown = shown
        elif tag == "th" and given.get("scope") == "row" and self._row_shown:
            self._into = "name"
        elif tag == "th" and given.get("scope") == "col":
            self.seen.sorted += [given["aria-sort"]] if "aria-sort" in given else []
            if shown and "data-gpu" in given:
                self.seen.columns.append(given["data-gpu"])
        elif tag == "td" and self._row_shown and shown:
            self.seen.old += "old" in given.get("class", "").split()
        elif given.get("id") == "count":
            self._into = "count"
        elif tag == "title":
            self._into = "title"
        elif given.get("id") == "driver":
            self.seen.invalid = given.get("aria-invalid") == "true"

    def handle_data(self, data: str) -> None:
        if self._into == "name":
            self.seen.names.append(data)
        elif self._into is not None:
            setattr(self.seen, self._into, data)
        self._into = None


def find_browser() -> str:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("install Chromium to run this: `sudo apt install chromium`")
    return found


@pytest.fixture(scope="module")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Seen]:
    from gpuenv.cli.main import main

    browser, folder = find_browser(), tmp_path_factory.mktemp("page")
    assert main(["matrix", "--html", str(folder / "matrix.html"), "-q"]) == 0
    text = (folder / "matrix.html").read_text("utf-8")

    def look(chosen: str = "", script: str = "", width: int = 1280) -> Seen:
        (folder / "now.html").write_text(text.replace("</body>", f"<script>{script}</script></body>"), "utf-8")
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--window-size={width},900", "--dump-dom"]
        address = f"{(folder / 'now.html').as_uri()}{'#' if chosen else ''}{chosen}"
        command = [browser, *options, f"--user-data-dir={folder / 'profile'}", address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        reader = Reader()
        reader.feed(done.stdout)
        return reader.seen

    return look


def test_page__in_a_browser__shows_every_release_newest_first(browse: Callable[..., Seen]) -> None:
    seen = browse()
    assert seen.count == "25 of 25 releases"
    assert seen.names[0] == "tensorflow 2.21.0"
    assert (seen.columns[0], seen.columns[-1], seen.old) == ("12.0", "3.5", 0)


@pytest.mark.parametrize(
    ("chosen", "count", "first", "columns"),
    [
        ("gpu=8.6", "25 of 25 releases", "tensorflow 2.21.0", 1),
        ("gpu=3.5", "18 of 25 releases", "tensorflow 2.14.1", 1),
        ("platform=win-64", "7 of 25 releases", "tensorflow 2.10.1", 11),
        ("python=3.6", "2 of 25 releases", "tensorflow 2.4.0", 11),
        ("text=2.15", "1 of 25 releases", "tensorflow 2.15.1", 11),
        ("gpu=8.6&driver=460.89&platform=win-64&python=3.8", "7 of 25 releases", "tensorflow 2.10.1", 1),
        ("gpu=12.0&driver=470", "No release fits all of this", None, 1),
    ],
)
def test_page__filters_in_the_address__show_what_fits(
    browse: Callable[..., Seen], chosen: str, count: str, first: str | None, columns: int
) -> None:
    seen = browse(chosen)
    assert (seen.count, next(iter(seen.names), None), len(seen.columns)) == (count, first, columns)


def test_page__driver__marks_what_needs_a_newer_one(browse: Callable[..., Seen]) -> None:
    seen = browse("driver=470.57")
    assert seen.names[0] == "tensorflow 2.14.1"
    assert seen.old > 0
    wrong = browse("driver=new")
    assert (wrong.count, wrong.invalid) == ("25 of 25 releases", True)


@pytest.mark.parametrize(
    ("chosen", "first", "last", "sorted_"),
    [
        pytest.param("sort=0up", "2.4.0", "2.21.0", "ascending", id="release"),
        pytest.param("sort=0down", "2.21.0", "2.4.0", "descending", id="release, back"),
        pytest.param("sort=1down", "2.10.1", "2.4.0", "descending", id="system: Windows first"),
        pytest.param("sort=4up", "2.13.1", "2.20.0", "ascending", id="cuDNN: 8.6 first, 9.10 after 9.3"),
        pytest.param("sort=5down", "2.10.1", "2.4.0", "descending", id="a GPU: the newest driver first"),
    ],
)
def test_page__sorted_by_a_column__by_its_numbers(
    browse: Callable[..., Seen], chosen: str, first: str, last: str, sorted_: str
) -> None:
    seen = browse(chosen)
    assert (seen.names[0], seen.names[-1]) == (f"tensorflow {first}", f"tensorflow {last}")
    assert seen.sorted == [sorted_]


def test_page__keys_alone__sort_filter_and_show_all_again(browse: Callable[..., Seen]) -> None:
    """A button that has the focus is pressed by Enter, which is a click to the page."""
    press = "document.querySelector('thead button').focus(); document.activeElement.click();"
    assert browse(script=press).sorted == ["descending"]
    assert browse(script=press * 2).names[0] == "tensorflow 2.4.0"
    assert browse(script=press * 3).sorted == []
    reset = "document.querySelector('button[type=reset]').click();"
    assert browse("gpu=3.5&sort=0up", script=reset).count == "25 of 25 releases"
    reached = "document.title = [...document.querySelectorAll('select,input,button,summary,[tabindex]')].every(" + (
        "one => one.tabIndex === 0) + ' ' + document.querySelectorAll('label select, label input').length"
    )
    assert browse(script=reached).title == "true 5"


def test_page__what_is_chosen__stands_in_the_address(browse: Callable[..., Seen]) -> None:
    choose = (
        "document.getElementById('gpu').value = '8.6';"
        "document.getElementById('filters').dispatchEvent(new Event('input')); document.title = location.hash;"
    )
    assert browse(script=choose).title == "#gpu=8.6"


@pytest.mark.parametrize("width", [500, 1280])
def test_page__narrow_or_wide__never_wider_than_the_window(browse: Callable[..., Seen], width: int) -> None:
    measure = "document.title = document.documentElement.scrollWidth <= innerWidth"
    assert browse(script=measure, width=width).title == "true"


def test_page__names_of_a_team__are_escaped() -> None:
    cells = tuple(Cell(capability, None, None) for capability in ("8.6", "12.0"))
    row = Row("ours", "<b>tf</b>", '2.9"', "osx-arm64", ("3.8",), "11.8", "8.6", "pypi", cells)
    text = page([row])
    assert "<b>tf</b>" not in text
    assert "&lt;b&gt;tf&lt;/b&gt; 2.9&quot;" in text
    assert "osx-arm64" in text


def test_page__columns_and_list_of_gpus__name_products(gpuenv: Run, tmp_path: Path) -> None:
    gpuenv("matrix", "--html", tmp_path / "matrix.html")
    text = (tmp_path / "matrix.html").read_text("utf-8")
    assert re.search(r'<option value="8\.6">8\.6 Ampere: RTX 3090', text)
    assert re.search(r"<dt>8\.6 Ampere</dt><dd>[^<]*GeForce RTX 3080,", text)
    assert "<dt>5.2 Maxwell</dt>" in text
    assert "$" not in re.sub(r"(?s)<script>.*</script>", "", text)
