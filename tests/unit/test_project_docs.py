"""What README.md and CONTRIBUTING.md say is run here, or elsewhere in the suite by these very words."""

from __future__ import annotations

import re
import types
from pathlib import Path
from typing import Any

import pytest

from gpuenv.cli.front import Front
from gpuenv.cli.main import COMMANDS, build_parser
from gpuenv.extension import CheckContext
from gpuenv.hookspec import hookimpl
from gpuenv.model import Built, CudaFiles, Host, silent
from gpuenv.plugins import Plugins, new_manager
from gpuenv.recipes.search import load_recipe_file
from gpuenv.verify import run_checks

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found, f"no {language} block"
    return found


def commands(text: str) -> list[str]:
    """Find every `gpuenv ...` command line, in code blocks and in backticks."""
    shell = [line for block in blocks(text, "sh") for line in block.splitlines()] if "```sh" in text else []
    inline = re.findall(r"`((?:eval \"\$\()?gpuenv [^`]+)`", text)
    lines = [part for line in (*shell, *inline) for part in line.split("&&")]
    return [line.strip() for line in lines if re.search(r"\bgpuenv [a-z-]", line) and "git clone" not in line]


DOCS = [(ROOT / "docs" / f"{name}.md").read_text() for name in ("recipes", "rattler", "archives", "doctor", "toolkit")]
DOCUMENTED = sorted({line for text in (README, CONTRIBUTING, *DOCS) for line in commands(text)})


@pytest.mark.parametrize("line", DOCUMENTED)
def test_docs__every_command_line__is_one_that_gpuenv_takes(line: str) -> None:
    arguments = line.split("gpuenv ", 1)[1].split(" > ")[0].removesuffix(')"').split()
    arguments = [re.sub(r"[\[\]]|\\.*|\|.*|\.\.\.", "", argument) for argument in arguments]
    arguments = [argument for argument in arguments if argument]
    if "-n" not in arguments and arguments[0] in ("create", "verify", "warm", "remove", "run", "activate", "export"):
        arguments[1:1] = ["-n", "tf"] if "-p" not in arguments else []
    if arguments in (["recipes", "show"], ["recipes", "validate"], ["recipes", "init"]):
        arguments.append("tf-2.4")
    if arguments[0] in COMMANDS:
        build_parser(arguments, Front()).parse_args(arguments)
        return
    pytest.fail(f"`{line}` names no command of gpuenv")


def test_readme__every_command__is_in_the_table() -> None:
    table = README.split("## Commands", 1)[1].split("\n## ", 1)[0]
    for command in COMMANDS:
        assert f"gpuenv {command}" in table


def test_readme__project_recipe__is_valid(tmp_path: Path) -> None:
    (text,) = blocks(README, "yaml")
    (tmp_path / "gpuenv.yaml").write_text(text)
    loaded = load_recipe_file(tmp_path / "gpuenv.yaml", Plugins(new_manager()).recipe_sources())
    assert "scikit-learn==1.0.2" in loaded.recipe.requirements
    assert loaded.recipe.framework.version == "2.4.0"


def test_readme__links__lead_somewhere() -> None:
    for text in (README, CONTRIBUTING):
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (ROOT / target).exists(), target


def test_contributing__the_seven_files__exist() -> None:
    section = CONTRIBUTING.split("## The code in seven files", 1)[1].split("\n## ", 1)[0]
    items = re.findall(r"^\d+\. (.*)", section, re.MULTILINE)
    assert len(items) == 7
    for item in items:
        first = re.findall(r"`(plugin/[^`]+)`", item)
        assert first
        assert (ROOT / first[0]).exists(), first[0]


def example(number: int) -> types.ModuleType:
    module = types.ModuleType(f"example_{number}")
    exec(compile(blocks(CONTRIBUTING, "python")[number], f"CONTRIBUTING.md, block {number}", "exec"), module.__dict__)
    return module


def with_plugin(module: types.ModuleType) -> Plugins:
    manager = new_manager()
    manager.register(module, name=module.__name__)
    return Plugins(manager)


def test_contributing__check__runs_and_gives_a_result(tmp_path: Path) -> None:
    found = with_plugin(example(0))
    check = found.checks()["room"]
    assert list(found.checks()).index("room") == 1
    built = Built(tmp_path, tmp_path / "python", Any, tmp_path, "linux-64")  # type: ignore[arg-type]
    context = CheckContext(built, None, "pypi", Host("linux-64"), CudaFiles((), None), tmp_path)  # type: ignore[arg-type]
    (result,) = run_checks([check], context, silent, found.doctor_rules)
    assert result.check == "room"
    assert result.status in ("ok", "failed")


def test_contributing__engine__is_offered_and_keeps_its_contract() -> None:
    engine = with_plugin(example(1)).engines()["offline"]
    for method in ("resolve", "fetch", "build", "describe"):
        assert callable(getattr(engine, method))


def test_contributing__examples__use_the_real_hook_marker() -> None:
    assert example(0).hookimpl is hookimpl
