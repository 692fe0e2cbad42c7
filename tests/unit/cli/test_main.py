from __future__ import annotations

import pytest

from gpuenv.cli.front import Front
from gpuenv.cli.main import common_last, parse
from gpuenv.errors import UsageError


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("--json list", "list --json"),
        ("-q --color never -vv create -n tf", "create -q --color never -vv -n tf"),
        ("--color=never list", "list --color=never"),
        ("--json recipes list", "recipes list --json"),
        ("recipes --json list", "recipes list --json"),
        ("-v recipes -q show tf", "recipes show -v -q tf"),
        ("--json run -n tf -- python --json", "run --json -n tf -- python --json"),
        ("list --json", "list --json"),
        ("--json --version", "--version"),
        ("--json", "--json"),
        ("--color", "--color"),
        ("", ""),
    ],
)
def test_common_last__options_before_the_command__behind_its_name(typed: str, expected: str) -> None:
    assert common_last(typed.split()) == expected.split()


@pytest.mark.parametrize(
    ("typed", "message", "hint"),
    [
        ("lst", "there is no command `lst`", "did you mean `gpuenv list`?"),
        ("crate -n tf", "there is no command `crate`", "did you mean `gpuenv create`?"),
        ("zzz", "there is no command `zzz`", "run `gpuenv --help`"),
        ("create -n tf --gup 8.6", "unrecognized arguments: --gup 8.6", "did you mean `--gpu`?"),
        ("list --jsn", "unrecognized arguments: --jsn", "did you mean `--json`?"),
        ("recipes init", "the following arguments are required: NAME", "run `gpuenv recipes init --help`"),
        ("recipes lst", "`COMMAND` cannot be `lst`", "did you mean `list`?"),
        ("list --color nevr", "`--color` cannot be `nevr`", "did you mean `never`?"),
        ("verify tf", "no environment was named", "run `gpuenv verify -n tf`"),
        ("verify tf files import", "no environment was named", "run `gpuenv verify -n tf files import`"),
        ("remove", "no environment was named", "name it, as in `gpuenv remove -n tf`"),
        ("create --nmae tf", "no environment was named", "did you mean `--name`?"),
        ("verify -n tf --timeout x", "argument --timeout: expected a number of seconds above 0, found `x`", ""),
        ("verify -n tf --timeout 0", "argument --timeout: expected a number of seconds above 0, found `0`", ""),
        ("verify -n tf --timeout nan", "argument --timeout: expected a number of seconds above 0, found `nan`", ""),
        ("warm -n tf --jobs 0", "argument --jobs: expected a whole number from 1 on, found `0`", ""),
        ("warm -n tf --gpu RTX", "argument --gpu: expected a whole number from 0 on, found `RTX`", ""),
    ],
)
def test_parse__mistyped__says_what_was_meant(typed: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse(typed.split(), Front())
    assert raised.value.message == message
    assert hint in raised.value.hints[0].text
