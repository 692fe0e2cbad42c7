from __future__ import annotations

import json
from pathlib import Path

import pytest

from gpuenv.engines.conda_prefix import describe_conda
from gpuenv.errors import TargetError


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
