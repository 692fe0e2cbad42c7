from __future__ import annotations

import pytest

from gpuenv import facts
from gpuenv.cli.claims import claims_text
from gpuenv.facts.tensorflow import Claim


def claim(key: str, value: str, source: str, platform: str = "linux-64", kind: str = "measured") -> Claim:
    return Claim("2.9.3", platform, key, value, kind, source, "")


def everything_about(series: str) -> list[Claim]:
    both = [one for platform in ("linux-64", "win-64") for one in facts.claims(series, None, platform)]
    return list(dict.fromkeys(both))


@pytest.mark.parametrize("most", [80, 100, 120])
@pytest.mark.parametrize("series", [release.series for release in facts.releases()])
def test_claims_text__every_release__fits_the_terminal_and_loses_nothing(series: str, most: int) -> None:
    found = everything_about(series)
    said = claims_text(series, found, most)
    assert max(map(len, said.splitlines())) <= most
    together = " ".join(said.split())
    for one in found:
        assert one.key in together
        assert " ".join((one.value or "none").split()) in together, one
        assert f"{one.kind}: {one.source}" in together, one


def test_claims_text__several_sources__agree_on_a_line_and_differ_below_it() -> None:
    said = claims_text(
        "2.9",
        [
            claim("cudnn", "8", "wheel"),
            claim("cudnn", "8", "header"),
            claim("cudnn", "8.1", "page", kind="documented"),
            claim("gpu", "", "wheel"),
            claim("cudnn", "8", "wheel", "win-64"),
        ],
        80,
    )
    assert (
        said
        == """TensorFlow 2.9

cudnn  8 [1] [2]
  but  8.1 [3]
gpu    none [1]

On Windows:
cudnn  8 [1]

Of values that differ the first counts; `but` is what another source says.

Sources:
[1] measured: wheel
[2] measured: header
[3] documented: page"""
    )


def test_claims_text__several_problems__all_count() -> None:
    said = claims_text("2.9", [claim("problem", "one", "a"), claim("problem", "two", "b")], 80)
    assert said.splitlines()[2:4] == ["problem  one [1]", "  and    two [2]"]


def test_claims_text__long_value__goes_on_below_itself() -> None:
    said = claims_text("2.9", [claim("libraries", "libcudart.so.11.0 " * 6, "wheel")], 60)
    lines = said.splitlines()[2:5]
    assert lines[0].startswith("libraries  libcudart")
    assert lines[1].startswith("           libcudart")
    assert lines[2] == "           libcudart.so.11.0 libcudart.so.11.0 [1]"
