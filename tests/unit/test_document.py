from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpuenv.document import Mark, Value, dotted, merge, place, plain, read_text


def tree(text: str) -> Value:
    return read_text(text, "a.yaml")


@pytest.mark.parametrize(
    ("base", "change", "expected"),
    [
        pytest.param("{a: x, b: y}", "{b: z}", {"a": "x", "b": "z"}, id="replaces a text"),
        pytest.param("{a: {b: x, c: y}}", "{a: {c: z}}", {"a": {"b": "x", "c": "z"}}, id="merges mappings"),
        pytest.param("{a: [x, y]}", "{a: [z]}", {"a": ["z"]}, id="replaces lists"),
        pytest.param("{a: x, b: y}", "{a: null}", {"b": "y"}, id="null removes"),
        pytest.param("{a: x}", "{b: null, c: {d: ~}}", {"a": "x", "c": {}}, id="null of nothing"),
        pytest.param("{a: x}", "{a: {b: y}}", {"a": {"b": "y"}}, id="mapping for a text"),
        pytest.param("{a: {b: y}}", "{a: x}", {"a": "x"}, id="text for a mapping"),
        pytest.param("{b: x, a: y}", "{c: z, a: w}", {"b": "x", "a": "w", "c": "z"}, id="keeps the base's order"),
    ],
)
def test_merge__change_over_base(base: str, change: str, expected: dict[str, object]) -> None:
    merged = plain(merge(tree(base), tree(change)))
    assert merged == expected
    assert list(merged) == list(expected)


def as_value(data: object) -> Value:
    """Build a tree without YAML, so that the properties are about merging alone."""
    from gpuenv.document import Entry

    mark = Mark("a.yaml", 1, 1)
    if isinstance(data, dict):
        return Value("mapping", mark, entries=tuple(Entry(key, mark, as_value(one)) for key, one in data.items()))
    return Value("text", mark, text=str(data))


mappings = st.recursive(
    st.dictionaries(st.sampled_from("abc"), st.text("xyz", max_size=2), max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), st.one_of(inner, st.text("xyz", max_size=2)), max_size=3),
    max_leaves=8,
)


@given(mappings, mappings)
def test_merge__any_mappings__nothing_of_the_change_is_lost_and_twice_is_once(base: object, change: object) -> None:
    merged = merge(as_value(base), as_value(change))
    assert merge(merged, as_value(change)) == merged
    assert merge(as_value(base), as_value({})) == as_value(base)
    assert merge(as_value({}), as_value(change)) == as_value(change)


def test_merge__values_keep_the_file_they_came_from() -> None:
    merged = merge(read_text("a: {x: one}\nb: two\n", "base.yaml"), read_text("\na: {y: three}\n", "child.yaml"))
    assert str(place(merged, ("a", "x"))) == "base.yaml:1:8"
    assert str(place(merged, ("a", "y"))) == "child.yaml:2:8"
    assert str(place(merged, ("b",))) == "base.yaml:2:4"


def test_place__path_that_does_not_exist__is_the_nearest_place() -> None:
    assert place(tree("a:\n  - x\n"), ("a", 5, "b")) == Mark("a.yaml", 2, 3)


def test_plain__every_kind() -> None:
    text = "{a: text, b: 1.5, c: true, d: null, e: [0x10, 1_000], f: 2020-01-01, g: 'no', h: .inf}"
    assert plain(tree(text)) == {
        "a": "text",
        "b": 1.5,
        "c": True,
        "d": None,
        "e": [16, 1000],
        "f": "2020-01-01",
        "g": "no",
        "h": float("inf"),
    }


def test_dotted__indexes_and_keys() -> None:
    assert dotted(("sources", "pypi", "requirements", "linux-64", 0)) == "sources.pypi.requirements.linux-64[0]"
