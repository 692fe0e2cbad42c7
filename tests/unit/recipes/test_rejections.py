from __future__ import annotations

from gpuenv.model import Reason, Rejection
from gpuenv.recipes.rejections import cause_of, explain_rejections, hints_of

DRIVER = Reason("driver.old", "the driver is old", "update it")
ENGINE = Reason("source.engine", "needs conda packages", "use another engine")
OTHER = Reason("framework.other", "has tensorflow 2.5, not 2.9", "use tensorflow 2.5")


def old_gpu(recipe: str) -> Rejection:
    return Rejection(recipe, None, (Reason("gpu.old", f"{recipe} needs a newer GPU", f"another GPU for {recipe}"),))


def test_explain_rejections__with_and_without_a_source() -> None:
    reasons = (Reason("a", "first"), Reason("b", "second", "fix"))
    assert explain_rejections([Rejection("r", None, reasons), Rejection("r", "pypi", reasons[:1])]) == [
        "r: first; second",
        "r from pypi: first",
    ]


def test_explain_rejections__same_reason__is_said_once_with_all_recipes() -> None:
    rejections = [Rejection(name, source, (ENGINE,)) for name in ("a", "b") for source in ("conda", "other")]
    assert explain_rejections(rejections) == [
        "a, b from conda: needs conda packages",
        "a, b from other: needs conda packages",
    ]


def test_explain_rejections__another_version_than_asked_for__is_left_out() -> None:
    assert explain_rejections([Rejection("a", None, (OTHER,)), Rejection("b", "pypi", (DRIVER,))]) == [
        "b from pypi: the driver is old"
    ]


def test_cause_of__many_recipes__is_short_and_counts_the_rest() -> None:
    rejections = [
        one for number in range(18) for one in (old_gpu(f"r{number}"), Rejection(f"r{number}", "conda", (ENGINE,)))
    ]
    assert cause_of(rejections) == (
        "r0: r0 needs a newer GPU; r1: r1 needs a newer GPU; r2: r2 needs a newer GPU; "
        "15 more reasons for the other recipes"
    )


def test_cause_of__few_reasons__are_all_said() -> None:
    rejections = [old_gpu("a"), Rejection("a", "pypi", (DRIVER,)), Rejection("a", "conda", (ENGINE,))]
    assert str(cause_of(rejections)).count(";") == 2


def test_hints_of__many_recipes__one_of_each_kind_and_none_of_sources_of_what_is_out() -> None:
    rejections = [
        one
        for name in "abc"
        for one in (old_gpu(name), Rejection(name, "conda", (ENGINE,)), Rejection("o", None, (OTHER,)))
    ]
    assert [hint.text for hint in hints_of(rejections)] == ["another GPU for a"]


def test_hints_of__one_recipe__all_of_it() -> None:
    rejections = [Rejection("a", "pypi", (DRIVER, ENGINE)), Rejection("a", "conda", (ENGINE,))]
    assert [hint.code for hint in hints_of(rejections)] == ["driver.old", "source.engine"]


def test_hints_of__several_recipes__the_first_thing_in_the_way_of_each() -> None:
    rejections = [Rejection("a", "pypi", (DRIVER, ENGINE)), Rejection("b", "pypi", (DRIVER, ENGINE))]
    assert [hint.code for hint in hints_of(rejections)] == ["driver.old"]


def test_hints_of__disk_is_full__nothing_that_would_fill_it_too() -> None:
    disk = Reason("disk.full", "needs 3.8 GiB on the disk, where 0.2 GiB are free", "free 3.8 GiB of disk")
    toolkit = Reason("toolkit.missing", "needs an installed CUDA Toolkit 11.0", "install CUDA Toolkit 11.0")
    sources = {"pypi": disk, "toolkit": toolkit, "conda": ENGINE}
    rejections = [Rejection("a", name, (reason,)) for name, reason in sources.items()]
    assert [hint.text for hint in hints_of(rejections)] == ["free 3.8 GiB of disk"]
    assert [hint.text for hint in hints_of(rejections[1:])] == ["install CUDA Toolkit 11.0", "use another engine"]
