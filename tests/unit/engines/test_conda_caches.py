from __future__ import annotations

import threading
from pathlib import Path

import pytest

from gpuenv.engines.conda_caches import PackageCaches
from gpuenv.errors import GpuenvError

PARTLY_CACHED = {"actions": {"FETCH": [{"name": "cudnn"}], "LINK": [{"name": "cudnn"}, {"name": "python"}]}}
NOTHING_CACHED = {"actions": {"FETCH": [{"name": "cudnn"}], "LINK": [{"name": "cudnn"}]}}
PLACES = (Path("/conda/pkgs"),)


@pytest.mark.parametrize("ahead", [pytest.param(True, id="ahead"), pytest.param(False, id="when needed")])
def test_needed_for__packages_lie_in_a_cache__where_conda_says(ahead: bool) -> None:
    assert PackageCaches(lambda: PLACES, ahead=ahead).needed_for(PARTLY_CACHED) == PLACES


def test_needed_for__everything_has_to_be_fetched__conda_is_not_asked_or_waited_for() -> None:
    asked: list[bool] = []
    assert PackageCaches(lambda: PLACES if asked.append(True) else (), ahead=False).needed_for(NOTHING_CACHED) == ()
    assert asked == []
    never = threading.Event()
    assert PackageCaches(lambda: PLACES if never.wait() else (), ahead=True).needed_for(NOTHING_CACHED) == ()
    never.set()


@pytest.mark.parametrize("ahead", [pytest.param(True, id="ahead"), pytest.param(False, id="when needed")])
def test_needed_for__conda_cannot_say__raises_where_it_is_wanted(ahead: bool) -> None:
    def ask() -> tuple[Path, ...]:
        raise GpuenvError("conda was not found")

    caches = PackageCaches(ask, ahead=ahead)
    with pytest.raises(GpuenvError, match="conda was not found"):
        caches.needed_for(PARTLY_CACHED)
