from __future__ import annotations

import json
from pathlib import Path

import pytest

from gpuenv.engines.conda_prefix import complete_records, describe_conda, write_history
from gpuenv.errors import TargetError
from gpuenv.model import CondaPackage


def make_prefix(prefix: Path, **record: object) -> Path:
    meta = prefix / "conda-meta"
    meta.mkdir(parents=True)
    (meta / "python-dateutil-2.8.2-0.json").write_text(json.dumps({"name": "python-dateutil", "version": "2.8.2"}))
    (meta / "python-1.json").write_text(json.dumps({"name": "python", **record}))
    return prefix


@pytest.mark.parametrize(
    ("record", "python", "site_packages"),
    [
        pytest.param(
            {"version": "3.8.18", "subdir": "linux-64"}, "bin/python", "lib/python3.8/site-packages", id="Linux"
        ),
        pytest.param({"version": "3.8.18", "subdir": "win-64"}, "python.exe", "Lib/site-packages", id="Windows"),
        pytest.param(
            {
                "version": "3.13.0",
                "subdir": "linux-64",
                "python_site_packages_path": "lib/python3.13t/site-packages",
            },
            "bin/python",
            "lib/python3.13t/site-packages",
            id="a path of its own",
        ),
    ],
)
def test_describe_conda__record_of_python__layout(
    tmp_path: Path, record: dict[str, str], python: str, site_packages: str
) -> None:
    built = describe_conda(make_prefix(tmp_path / "env", **record))
    assert built.conda
    assert (built.python, built.site_packages) == (tmp_path / "env" / python, tmp_path / "env" / site_packages)
    assert (str(built.python_version), built.platform) == (record["version"], record["subdir"])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param({}, "is not a conda environment", id="nothing"),
        pytest.param({"conda-meta/history": ""}, "has no Python", id="no Python"),
        pytest.param({"conda-meta/python-3.8.json": "{"}, "cannot be read", id="damaged"),
    ],
)
def test_describe_conda__no_conda_python__is_an_error(tmp_path: Path, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(TargetError, match=message):
        describe_conda(tmp_path)


LINK = {"_path": "lib/a.so", "path_type": "softlink", "sha256": "aa", "sha256_in_prefix": "of the text"}
TEXT = {"_path": "bin/a", "path_type": "hardlink", "sha256": "bb", "sha256_in_prefix": "of the text"}


def test_complete_records__links_and_what_was_asked_for__as_conda_writes_them(tmp_path: Path) -> None:
    meta = tmp_path / "conda-meta"
    meta.mkdir()
    for name in ("cudnn", "cudnn-more"):
        record = {"name": name, "fn": f"{name}.conda", "paths_data": {"paths": [LINK, TEXT]}}
        (meta / f"{name}-8.0-0.json").write_text(json.dumps(record))
    complete_records(tmp_path, ["cudnn==8.0"])
    asked, other = (json.loads((meta / f"{name}-8.0-0.json").read_text()) for name in ("cudnn", "cudnn-more"))
    assert (asked["requested_spec"], asked["requested_specs"], asked["fn"]) == (
        "cudnn==8.0",
        ["cudnn==8.0"],
        "cudnn.conda",
    )
    assert "requested_spec" not in other
    assert [entry["sha256_in_prefix"] for entry in asked["paths_data"]["paths"]] == ["aa", "of the text"]
    assert sorted(path.name for path in meta.iterdir()) == ["cudnn-8.0-0.json", "cudnn-more-8.0-0.json"]


def test_write_history__twice__is_added_to(tmp_path: Path) -> None:
    package = CondaPackage("cudnn", "8.0", "0", "conda-forge", "linux-64", "cudnn-8.0-0.conda")
    for _ in range(2):
        write_history(tmp_path, [package], ["cudnn==8.0"])
    lines = (tmp_path / "conda-meta" / "history").read_text().splitlines()
    assert lines[1:4] == [
        "# cmd: gpuenv create",
        "+conda-forge/linux-64::cudnn-8.0-0",
        "# update specs: ['cudnn==8.0']",
    ]
    assert len(lines) == 8
    assert lines[0].startswith("==> ")
