"""`gpuenv explain`, `matrix` and `facts` as a user types them, and the page that shows what they say."""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Callable
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "explain.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```text\n\$ gpuenv (explain [^\n]*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FACTS = next(iter(re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)))


@pytest.mark.parametrize(("command", "expected"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_explain__example_of_the_docs__says_just_that(gpuenv: Run, command: str, expected: str) -> None:
    ended = gpuenv(*shlex.split(command))
    assert ended.code == 0, ended.err
    assert ended.out == expected, "run `python tools/explain_page.py`"


def test_docs__examples__the_eight_machines_and_one_release() -> None:
    assert len(EXAMPLES) == 9


def test_explain__json__verdicts_with_codes(gpuenv: Run) -> None:
    document = gpuenv("explain", "--gpu", "8.6", "--driver", "450.80.02", "--os", "linux", "--json").document
    data = document["data"]
    assert (data["newest_that_fits"], data["nearest"], data["platform"]) == (None, "tf-2.7", "linux-64")
    oldest = next(one for one in data["recipes"] if one["recipe"] == "tf-2.4")
    assert [reason["code"] for reason in oldest["reasons"]] == ["driver.unknown-gpu"]
    assert oldest["change"] == "update the NVIDIA driver to 455.23 or newer"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--framework", "tensorflow==1.15"], "there is no recipe with tensorflow 1.15"),
        (["--framework", "tensorflow>=2"], "`--framework`: expected a name and a version"),
        (["--python", "x"], "`--python`: expected a version"),
        (["--os", "mac"], "`--os` cannot be `mac`"),
    ],
)
def test_explain__mistake__usage_error_that_helps(gpuenv: Run, arguments: list[str], message: str) -> None:
    ended = gpuenv("explain", "--gpu", "8.6", *arguments)
    assert ended.code == 2
    assert message in ended.err
    assert "hint:" in ended.err


TEAM = """\
gpuenv_recipe_version: "1"
extends: tf-2.4
name: our-stack
summary: Ours
"""


@pytest.mark.parametrize("team", [False, True], ids=["shipped", "with a recipe in the project"])
@pytest.mark.parametrize(
    ("arguments", "recipe"),
    [
        (["--gpu", "A100"], "tf-2.21"),
        (["--gpu", "RTX 3080", "--driver", "455.23"], "tf-2.7"),
        (["--gpu", "8.6", "--gpu", "7.5", "--driver", "470.57.02", "--python", "3.8"], "tf-2.11"),
        (["--gpu", "8.0", "--driver", "450.51.05", "--engine", "conda"], "tf-2.4"),
        (["--gpu", "H100", "--framework", "tensorflow==2.4"], "tf-2.4"),
        (["--gpu", "none"], None),
    ],
)
def test_explain__next_command__does_what_explain_says(
    gpuenv: Run, tmp_path: Path, arguments: list[str], recipe: str | None, team: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if team:
        (tmp_path / "gpuenv.yaml").write_text(TEAM, "utf-8")
    said = gpuenv("explain", *arguments)
    assert said.code == 0
    typed = shlex.split(said.out.splitlines()[-1].removeprefix("Next: gpuenv "))
    if "conda" in typed:  # this machine need not have it; that the options are there is enough
        assert typed[-len(arguments) :] == arguments
        return
    ended = gpuenv(*typed, "--dry-run", "--json")
    assert ended.code == 0, ended.err
    found = ended.document["data"]["recipe"]
    assert found == ("our-stack" if team and recipe in ("tf-2.4", None) else recipe or "tf-2.4")


def test_explain__recipe_of_the_project__told_from_the_shipped_one(
    gpuenv: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gpuenv.yaml").write_text(TEAM, "utf-8")
    monkeypatch.chdir(tmp_path)
    said = gpuenv("explain", "--gpu", "9.0", "--framework", "tensorflow==2.4").out
    assert "tensorflow 2.4.0 (our-stack)" in said
    assert "tensorflow 2.4.0 (tf-2.4)" in said
    assert "note: 2.4.0 (our-stack), 2.4.0 (tf-2.4): on GPU 0 (compute capability 9.0) it has" in said
    assert said.splitlines()[-1] == "Next: gpuenv create -n tf --recipe our-stack --gpu 9.0"


def test_create__nothing_fits__short_and_with_a_command_that_tells_about_all(gpuenv: Run) -> None:
    machine = ["--gpu", "8.0", "--driver", "450.51.05"]
    ended = gpuenv("create", "-n", "x", *machine, "--dry-run", "--json")
    (error,) = ended.document["errors"]
    assert ended.code == 4
    assert len(error["cause"]) < 800
    hints = " ".join(hint["text"] for hint in error["hints"])
    assert "update the NVIDIA driver to 450.80.02 or newer" in hints
    assert f"`gpuenv explain {' '.join(machine)}`" in hints


@pytest.mark.parametrize(
    "machine",
    [
        ["--gpu", "RTX 5090"],
        ["--gpu", "RTX 4090", "--driver", "530"],
        ["--gpu", "RTX 3080", "--driver", "460.89", "--os", "windows", "--python", "3.8"],
        ["--gpu", "none"],
        ["--gpu", "3.0"],
    ],
    ids=" ".join,
)
def test_explain__terminal_of_80_columns__no_line_is_wider(
    gpuenv: Run, monkeypatch: pytest.MonkeyPatch, machine: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ended = gpuenv("explain", *machine)
    assert ended.code == 0, ended.err
    too_wide = [line for line in ended.out.splitlines() if len(line) > 80 and not line.startswith("Next")]
    assert too_wide == []  # but a command stays on its line, to be copied


def test_explain__code_that_is_compiled__says_what_that_means(gpuenv: Run) -> None:
    assert "compiles once: its GPU code is compiled at the first use" in gpuenv("explain", "--gpu", "H100").out
    assert "compiles once" not in gpuenv("explain", "--gpu", "6.1").out


def test_create__tensorflow_newest__chooses_the_newest_that_fits(gpuenv: Run) -> None:
    newest = ["create", "-n", "x", "--tensorflow", "newest", "--gpu", "8.6", "--dry-run", "--json"]
    assert gpuenv(*newest, "--driver", "580.65.06").document["data"]["recipe"] == "tf-2.21"
    assert gpuenv(*newest, "--driver", "455.23").document["data"]["recipe"] == "tf-2.7"


@pytest.mark.parametrize("version", [f"2.{minor}" for minor in range(4, 22)])
def test_create__tensorflow_by_version__plans_that_release_from_its_lock(gpuenv: Run, version: str) -> None:
    plan = gpuenv("create", "-n", "x", "--tensorflow", version, "--gpu", "8.6", "--dry-run", "--json").document["data"]
    assert plan["recipe"] == f"tf-{version}"
    assert plan["framework_version"].startswith(f"{version}.")
    assert f"tf-{version}.locks" in plan["lock"]


def test_matrix__csv_and_json__the_same_rows(gpuenv: Run) -> None:
    rows = list(csv.DictReader(StringIO(gpuenv("matrix", "--csv").out)))
    data = json.loads(gpuenv("matrix", "--json").out)["data"]["releases"]
    assert len(rows) == len(data) == 25
    assert rows[0]["release"] == f"tensorflow {data[0]['version']}"
    assert rows[0]["8.6"].startswith("native ")
    assert [cell["compute_capability"] for cell in data[0]["gpus"]] == [key for key in rows[0] if "." in key]


@pytest.mark.parametrize("name", ["", "."])
def test_matrix__html_into_a_directory__says_so(gpuenv: Run, name: str) -> None:
    ended = gpuenv("matrix", "--html", name)
    assert ended.code == 8
    assert "cannot be written" in ended.err


class Rows(HTMLParser):
    """Count rows, and look for anything that a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = 0
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.rows += tag == "tr"
        self.fetched += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href")]


def test_matrix__html__self_contained_page_with_every_row(gpuenv: Run, tmp_path: Path) -> None:
    ended = gpuenv("matrix", "--html", tmp_path / "matrix.html")
    assert ended.code == 0
    text = (tmp_path / "matrix.html").read_text("utf-8")
    page = Rows()
    page.feed(text)
    assert (page.rows, page.fetched) == (26, [])
    assert "://" not in text


def test_facts__update_then_show__the_teams_row_first(gpuenv: Run, tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(FACTS)
    assert gpuenv("facts", "update", tmp_path / "ours.yaml").code == 0
    listed = gpuenv("facts", "list", "--json").document["data"]["tables"]
    assert (listed[0]["origin"], listed[0]["rows"]) == ("team", 4)


def test_facts__driver_of_the_team__counts_in_explain_and_create(gpuenv: Run, tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(FACTS, "utf-8")
    gpuenv("facts", "update", tmp_path / "ours.yaml")
    machine = ["--gpu", "8.6", "--driver", "460.27.03"]
    said = gpuenv("explain", *machine, "--framework", "tensorflow==2.9").out
    assert "driver 460.27.03 is older than 460.32.03, which your facts ask for (measured by us)" in said.replace(
        "\n    ", " "
    )
    assert gpuenv("create", "-n", "x", "--tensorflow", "2.9", *machine, "--dry-run").code == 4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"460.32.03"', "the newest", "expected a driver version as `driver_min` of 2.9.3, found `the newest`"),
        ("driver_min", "drvier_min", "no fact about TensorFlow is called `drvier_min`"),
    ],
)
def test_facts__update_with_a_row_that_nobody_could_use__refused(
    gpuenv: Run, tmp_path: Path, old: str, new: str, message: str
) -> None:
    (tmp_path / "ours.yaml").write_text(FACTS.replace(old, new), "utf-8")
    ended = gpuenv("facts", "update", tmp_path / "ours.yaml")
    assert ended.code == 2
    assert message in ended.err


def test_facts__update_with_a_mistake__says_where_and_takes_nothing(gpuenv: Run, tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(FACTS.replace("products:", "product:"))
    ended = gpuenv("facts", "update", tmp_path / "ours.yaml")
    assert ended.code == 2
    assert "ours.yaml:2:1" in ended.err
    assert all(one["origin"] == "gpuenv" for one in gpuenv("facts", "list", "--json").document["data"]["tables"])


def test_facts__taken_file_was_damaged__says_how_to_mend_that_and_update_does(gpuenv: Run, tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(FACTS, "utf-8")
    taken = Path(gpuenv("facts", "update", tmp_path / "ours.yaml", "--json").document["data"]["path"])
    taken.write_text(FACTS.replace("source", "sauce"), "utf-8")
    ended = gpuenv("explain", "--gpu", "8.6")
    assert ended.code == 2
    assert "hint: run `gpuenv facts update ours.yaml` with a right one, or `rm " in ended.err
    assert gpuenv("facts", "update", tmp_path / "ours.yaml").code == 0
    assert gpuenv("explain", "--gpu", "8.6").code == 0


@pytest.mark.parametrize("columns", ["80", "120", None])
def test_facts__show__claims_with_sources_and_what_they_win_over(
    gpuenv: Run, monkeypatch: pytest.MonkeyPatch, columns: str | None
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    said = gpuenv("facts", "show", "2.4").out
    found = re.search(
        r"^machine_code +3\.5 5\.0 6\.0 7\.0 7\.5 8\.0 \[(\d+)\]\n  but +3\.5 .* 7\.5 \[(\d+)\]", said, re.M
    )
    assert found
    assert f"\n[{found[1]}] measured: fat binaries of tensorflow/python" in said
    assert f"\n[{found[2]}] metadata: tensorflow/python/platform/build_info.py" in said
    assert max(map(len, said.splitlines())) <= int(columns or 100)


def test_facts__show_json__every_claim_as_it_is_in_the_table(gpuenv: Run) -> None:
    claims = gpuenv("facts", "show", "2.4", "--json").document["data"]["claims"]
    assert {"release", "platform", "key", "value", "kind", "source", "read"} == set(claims[0])
    assert sum(one["key"] == "cudnn" for one in claims) == 3


def test_facts__show_unknown__usage_error_with_the_known(gpuenv: Run) -> None:
    ended = gpuenv("facts", "show", "1.15")
    assert ended.code == 2
    assert "choose from 2.4" in ended.err
