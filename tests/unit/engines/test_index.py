from __future__ import annotations

import os
from pathlib import Path

import pytest

from gpuenv.engines.index import index_environment

MIRROR = "https://mirror.example/simple"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("environ", "pip_conf", "uv_toml", "expected"),
    [
        ({}, "", "", None),
        ({}, f"[global]\nindex-url = {MIRROR}\n", "", MIRROR),
        ({}, f"[global]\nindex-url = https://other.example/\n[install]\nindex-url = {MIRROR}\n", "", MIRROR),
        ({"PIP_INDEX_URL": MIRROR}, "[global]\nindex-url = https://other.example/\n", "", MIRROR),
        ({"UV_INDEX_URL": "https://uv.example/"}, f"[global]\nindex-url = {MIRROR}\n", "", None),
        ({}, f"[global]\nindex-url = {MIRROR}\n", '[[index]]\nurl = "https://uv.example/"\n', None),
        ({}, "[global]\nextra-index-url = https://extra.example/\n", "", None),
        ({}, "this is not = a\nvalid [file", "", None),
    ],
    ids=["nothing", "pip-file", "install-wins", "pip-variable", "uv-variable", "uv-file", "extra-only", "broken-file"],
)
def test_index_environment__configurations__main_index_is_taken_over(
    tmp_path: Path, environ: dict[str, str], pip_conf: str, uv_toml: str, expected: str | None
) -> None:
    write(tmp_path / ".config" / "pip" / "pip.conf", pip_conf)
    write(tmp_path / ".config" / "uv" / "uv.toml", uv_toml)
    environment = index_environment(environ, tmp_path)
    assert environment.get("UV_DEFAULT_INDEX") == expected
    assert {**environment, **environ} == environment


def test_index_environment__pip_config_file_is_the_null_device__no_file_is_read(tmp_path: Path) -> None:
    (tmp_path / ".pip").mkdir()
    (tmp_path / ".pip" / "pip.conf").write_text("[global]\nindex-url = https://company.example/simple\n")
    assert index_environment({}, tmp_path)["UV_DEFAULT_INDEX"] == "https://company.example/simple"
    assert "UV_DEFAULT_INDEX" not in index_environment({"PIP_CONFIG_FILE": os.devnull}, tmp_path)


def test_index_environment__pip_config_file__wins_over_home(tmp_path: Path) -> None:
    write(tmp_path / ".pip" / "pip.conf", "[global]\nindex-url = https://other.example/\n")
    write(tmp_path / "company.conf", f"[global]\nindex-url = {MIRROR}\n")
    environ = {"PIP_CONFIG_FILE": str(tmp_path / "company.conf")}
    assert index_environment(environ, tmp_path)["UV_DEFAULT_INDEX"] == MIRROR
