from __future__ import annotations

import re

import pytest

from gpuenv.cli.elsewhere import elsewhere
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.rules import LOG_RULES


@pytest.mark.parametrize("rule", LOG_RULES, ids=lambda rule: f"{rule.id}-{rule.order}")
def test_elsewhere__fix_of_each_log_rule__names_an_environment_or_needs_none(rule: LogRule) -> None:
    fix = elsewhere(rule.fix)
    for command in re.findall(r"`gpuenv [^`]+`", fix):
        needs = re.match(r"`gpuenv (create|verify|warm|run|activate|remove|export)", command)
        assert needs is None or " -n " in command or " -p " in command or "--timeout" in command, fix
    assert fix.count("`") % 2 == 0
    assert "  " not in fix
    assert not fix.endswith((",", " "))


@pytest.mark.parametrize(
    ("fix", "expected"),
    [
        (
            "run `gpuenv run -- python -m pip install numpy`, then `gpuenv verify import`",
            "run `python -m pip install 'numpy<2'`",
        ),
        ("run `unset LD_LIBRARY_PATH`, then `gpuenv verify`", "run `unset LD_LIBRARY_PATH`"),
        ("run `sudo reboot`", "run `sudo reboot`"),
    ],
)
def test_elsewhere__commands_of_gpuenv__are_those_of_any_environment(fix: str, expected: str) -> None:
    assert elsewhere(fix) == expected
