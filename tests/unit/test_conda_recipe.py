"""The conda package of gpuenv says what setup.cfg says."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

from gpuenv import __version__

ROOT = Path(__file__).parents[2]
META = (ROOT / "conda.recipe" / "meta.yaml").read_text("utf-8")
# Where conda-forge has a package under another name.
CONDA_NAMES = {"msgspec": "msgspec-python"}


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def listed(section: str) -> list[str]:
    """Return the entries of a list in `requirements:` of the recipe."""
    block = re.search(rf"^  {section}:\n((?:    - .*\n)+)", META, re.MULTILINE)
    assert block is not None, section
    return [line.removeprefix("    - ") for line in block[1].splitlines()]


def test_meta__run_requirements__are_those_of_setup_cfg() -> None:
    options = setup_cfg()["options"]
    wanted = [line.partition(";")[0].strip() for line in options["install_requires"].splitlines() if line]
    names = [re.sub(r"^[A-Za-z0-9._-]+", lambda found: CONDA_NAMES.get(found[0], found[0]), one) for one in wanted]
    assert sorted(listed("run")) == sorted([f"python {options['python_requires']}", *names])


def test_meta__entry_points_and_version__are_those_of_setup_cfg() -> None:
    scripts = setup_cfg()["options.entry_points"]["console_scripts"].split("\n")
    assert [line for line in scripts if line] == ["gpuenv = gpuenv.cli.main:main"]
    assert "    - gpuenv = gpuenv.cli.main:main\n" in META
    assert f'{{% set version = "{__version__}" %}}' in META


def test_setup_cfg__is_a_plugin_of_conda() -> None:
    plugins = setup_cfg()["options.entry_points"]["conda"].split("\n")
    assert [line for line in plugins if line] == ["gpuenv = gpuenv.conda_plugin"]
