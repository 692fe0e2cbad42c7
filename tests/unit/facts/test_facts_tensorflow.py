from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from gpuenv import facts
from gpuenv.errors import UsageError
from gpuenv.facts import cuda, products, tensorflow
from gpuenv.facts.team import read_facts, team_files
from gpuenv.model import parse_compute_capability
from gpuenv.settings import load_settings

TABLE = Path(facts.__file__).with_name("tensorflow.csv")
TEAM = """\
gpuenv_facts_version: "1"
products:
  - {name: GeForce RTX 6090, compute_capability: "13.0", source: us}
  - {name: GeForce RTX 3080, compute_capability: "8.7", source: us}
drivers:
  - {cuda: "11.1.0", linux: "455.99", source: us}
architectures:
  - {compute_capability: "13.0", name: Rubin, first_cuda: "12.0", source: us}
tensorflow:
  - {release: "2.9.3", platform: linux-64, key: build_toolkit, value: "11.5", source: us}
"""


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A team's file, taken as `facts update` takes it; tables are read anew before and after."""
    monkeypatch.setenv("GPUENV_DATA_DIR", str(tmp_path))
    (tmp_path / "facts").mkdir()
    path = tmp_path / "facts" / "team.yaml"
    path.write_text(TEAM)
    tables = (tensorflow._by_series, cuda._toolkits, cuda._capabilities, products.products, products._by_words)
    forget = (*tables, products._without_brand)
    for one in forget:
        one.cache_clear()
    yield path
    for one in forget:
        one.cache_clear()


def test_tensorflow_table__every_row__whole_and_of_a_known_kind() -> None:
    with TABLE.open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) > 350
    for row in table:
        assert row["source"], row
        assert row["read"].startswith("2026-"), row
        assert row["kind"] in tensorflow.KINDS, row
        assert row["platform"] in ("any", "linux-64", "win-64"), row


def test_releases__every_minor_from_2_4_on() -> None:
    assert [release.series for release in facts.releases()] == [f"2.{minor}" for minor in range(4, 22)]
    for release in facts.releases():
        assert release.libraries, release
        assert release.pythons, release
        assert release.machine_code, release
        assert release.ptx, release
        assert release.windows is (release.number <= (2, 10)), release


def test_claims__sources_disagree__both_kept_and_the_measured_one_first() -> None:
    found = facts.claims("2.4", "machine_code")
    assert [claim.kind for claim in found] == ["measured", "metadata"]
    assert [claim.value.split()[-1] for claim in found] == ["8.0", "7.5"]
    assert found in facts.disagreements("2.4")


def test_problems__by_gpu__only_what_concerns_it() -> None:
    assert "tensorrt" in facts.problems("2.14.1")[0].value
    assert facts.problems("2.21.0", (9, 0)) == ()
    assert "CUDA_ERROR_INVALID_PTX" in facts.problems("2.21.0", (12, 0))[0].value


def test_tables__cold__each_read_in_under_20_ms() -> None:
    code = (
        "import time; from gpuenv import facts; from gpuenv.facts.team import team_facts; team_facts();"
        "queries = [lambda: facts.releases(), lambda: facts.capability_of_product('RTX 3080'),"
        " lambda: facts.toolkit_driver('11.1', 'linux-64'), lambda: facts.architecture_name((8, 6))];\n"
        "def took(query):\n t = time.perf_counter(); query(); return time.perf_counter() - t\n"
        "print(max(took(query) for query in queries))"
    )
    took_s = (
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(5)
    )
    assert any(once_s < 0.02 for once_s in took_s)  # the first that a busy machine does not disturb


def test_team__rows__win_over_the_tables(team: Path) -> None:
    assert facts.capability_of_product("RTX 6090") == (13, 0)
    assert facts.capability_of_product("NVIDIA GeForce RTX 3080") == (8, 7)
    assert facts.architecture_name(parse_compute_capability("13.0")) == "Rubin"
    assert facts.known_capabilities()[-1] == (13, 0)
    assert str(facts.toolkit_driver("11.1.0", "linux-64")) == "455.99"
    assert [claim.kind for claim in facts.claims("2.9", "build_toolkit")][:2] == ["team", "metadata"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"13.0"', "13.0", "expected a quoted compute capability"),
        ("source: us", "sauce: us", "sauce"),
        ("products:", "product:", "did you mean `products`?"),
        ("platform: linux-64", "platform: mac", "found `mac`"),
    ],
)
def test_read_facts__mistake__file_line_and_column(tmp_path: Path, old: str, new: str, expected: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(TEAM.replace(old, new, 1))
    with pytest.raises(UsageError) as raised:
        read_facts(path)
    assert raised.value.message.startswith(f"{path}:")
    assert expected in f"{raised.value.message} {raised.value.cause}"


def test_team_files__settings_before_what_was_taken(
    team: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPUENV_CONFIG_DIR", str(tmp_path / "config"))
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "settings.yaml").write_text("facts: [ours.yaml]\n")
    environ = {"GPUENV_CONFIG_DIR": str(tmp_path / "config"), "GPUENV_DATA_DIR": str(tmp_path)}
    assert load_settings(environ).facts == [str(tmp_path / "config" / "ours.yaml")]
    assert team_files(environ) == (tmp_path / "config" / "ours.yaml", team)
