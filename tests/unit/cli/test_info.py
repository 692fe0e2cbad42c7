from __future__ import annotations

from gpuenv.cli.info import host_text
from gpuenv.model import Fact, Host


def test_host_text__facts__in_words_for_people() -> None:
    facts = (Fact("wsl", False, "proc"), Fact("in_container", True, "proc"), Fact("cpu_count", 1, "sched"))
    lines = host_text(Host("linux-64", facts=(*facts, Fact("memory_bytes", 2 * 1024**3, "sysconf")))).splitlines()
    assert [line.split()[:-1] for line in lines[3:]] == [
        ["wsl", "no"],
        ["in", "container", "yes"],
        ["cpu", "count", "1"],
        ["memory", "2.0", "GiB"],
    ]
