from __future__ import annotations

from pathlib import Path

import pytest

from gpuenv.warm.launch import usable_cores
from gpuenv.warm.record import Entry, Key, Record, read_record, still_done, write_entry


def entry(cache: Path, *, gpu: str = "9.0", done: int = 2, cache_bytes: int = 0) -> Entry:
    key = Key(gpu, "580.159.04", str(cache))
    return Entry(key, {"a.so": "10-1", "b.so": "20-1"}, 2, {"a.so": list(range(done))}, cache_bytes)


def test_record__written__is_read_by_its_key_only(tmp_path: Path) -> None:
    path = tmp_path / "var" / "warm.json"
    write_entry(path, entry(tmp_path, gpu="9.0", done=1))
    write_entry(path, entry(tmp_path, gpu="12.0"))
    write_entry(path, entry(tmp_path, gpu="9.0"))
    record = read_record(path)
    assert len(record.entries) == 2
    found = record.entry(Key("9.0", "580.159.04", str(tmp_path)))
    assert found == entry(tmp_path)
    assert found.complete
    for other in (("9.0", "590.10", tmp_path), ("8.6", "580.159.04", tmp_path), ("9.0", "580.159.04", tmp_path / "x")):
        assert record.entry(Key(other[0], other[1], str(other[2]))) is None


def test_record__cache_was_emptied__does_not_count(tmp_path: Path) -> None:
    (tmp_path / "cache" / "0").mkdir(parents=True)
    (tmp_path / "cache" / "0" / "kernel").write_bytes(bytes(500))
    path, key = tmp_path / "warm.json", entry(tmp_path / "cache").key
    write_entry(path, entry(tmp_path / "cache", cache_bytes=500))
    assert read_record(path).entry(key) is not None
    (tmp_path / "cache" / "0" / "kernel").unlink()
    assert read_record(path).entry(key) is None


def test_still_done__a_library_changed__the_others_count(tmp_path: Path) -> None:
    both = Entry(Key("9.0", "1", ""), {"a.so": "10-1", "b.so": "20-1"}, 3, {"a.so": [1, 2], "b.so": [3]}, 0)
    assert still_done(both, {"a.so": "10-1", "b.so": "20-2"}) == {"a.so": [1, 2]}
    assert still_done(both, {"b.so": "20-1"}) == {"b.so": [3]}
    assert still_done(None, {"a.so": "10-1"}) == {}


@pytest.mark.parametrize(
    "content", [None, "{", "[]", '{"gpuenv_warm_version": "2", "entries": []}'], ids=["none", "cut", "list", "newer"]
)
def test_read_record__unusable__is_empty(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "warm.json").write_text(content)
    assert read_record(tmp_path / "warm.json") == Record()


def test_usable_cores__container_limit__bounds_them(tmp_path: Path) -> None:
    everything = usable_cores(tmp_path)
    assert everything >= 1
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert usable_cores(tmp_path) == everything
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    assert usable_cores(tmp_path) == 1
    (tmp_path / "cpu.max").write_text("20000 100000\n")
    assert usable_cores(tmp_path) == 1
