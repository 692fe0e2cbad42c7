from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recipe_texts import SHIPPED, SMALL, child, sources_of

from gpuenv.errors import RecipeError
from gpuenv.model import LoadedRecipe, Package
from gpuenv.recipes.lock import (
    format_lock,
    inputs_sha256,
    installed_bytes,
    lock_inputs,
    lock_is_stale,
    lock_path,
    parse_lock,
    read_lock,
    says_the_same,
    with_sizes_of,
)
from gpuenv.recipes.schema import parse_recipe
from gpuenv.recipes.search import load_recipe_file

A, B = "a" * 64, "b" * 64
COMPILED = f"""\
absl-py==0.15.0 \\
    --hash=sha256:{A} \\
    --hash=sha256:{B}
    # via tensorflow
tensorflow==2.4.0 \\
    --hash=sha256:{B}
"""


def small(path: str = "small.yaml", **changes: object) -> LoadedRecipe:
    recipe = msgspec.structs.replace(parse_recipe(SMALL, "small.yaml"), **changes)
    return LoadedRecipe(recipe, path, "file")


def lock_text(loaded: LoadedRecipe, compiled: str = COMPILED, python: str = "3.8", size: int | None = None) -> str:
    return format_lock(
        loaded,
        "pypi",
        "linux-64",
        python,
        compiled,
        made="2026-11-23",
        tool="uv 0.13.9",
        download_bytes=123,
        installed_bytes=size,
    )


def put_lock(recipe_file: Path, text: str) -> Path:
    path = lock_path(recipe_file, "pypi", "linux-64", "3.8")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_lock_path__full_python_version__is_named_by_the_minor() -> None:
    path = lock_path(Path("recipes/tf-2.4.yaml"), "pypi", "linux-64", "3.8.18")
    assert path == Path("recipes/tf-2.4.locks/pypi-linux-64-py3.8.txt")


def test_lock_inputs__source_and_framework__in_that_platforms_words() -> None:
    recipe = parse_recipe((SHIPPED / "tf-2.4.yaml").read_text("utf-8"), "tf-2.4.yaml")
    windows = lock_inputs(recipe, "pypi", "win-64")
    assert windows[0] == "tensorflow==2.4.0"
    assert "nvidia-cudnn-cu11==8.9.5.29" in windows
    assert "nvidia-cudnn-cu11==8.6.0.163" in lock_inputs(recipe, "pypi", "linux-64")
    # XLA's tools: no conda package of CUDA 11.0 has them.
    assert lock_inputs(recipe, "conda", "linux-64") == (*recipe.requirements, "nvidia-cuda-nvcc-cu11==11.8.89")


def test_format_lock__compiled_text__header_first_and_no_comments_of_the_solver() -> None:
    loaded = small()
    digest = inputs_sha256(lock_inputs(loaded.recipe, "pypi", "linux-64"), "linux-64", "3.8")
    assert lock_text(loaded).splitlines() == [
        "# gpuenv lock of small: source pypi, linux-64, Python 3.8",
        "# made 2026-11-23 by uv 0.13.9",
        f"# recipe sha256: {digest}",
        "# download_bytes: 123",
        "# installed_bytes: unknown",
        "absl-py==0.15.0 \\",
        f"    --hash=sha256:{A} \\",
        f"    --hash=sha256:{B}",
        "tensorflow==2.4.0 \\",
        f"    --hash=sha256:{B}",
    ]


def test_parse_lock__formatted__packages_and_sizes_come_back() -> None:
    lock = parse_lock(lock_text(small(), size=456), "here")
    assert lock.packages == (
        Package("absl-py", "0.15.0", (f"sha256:{A}", f"sha256:{B}")),
        Package("tensorflow", "2.4.0", (f"sha256:{B}",)),
    )
    assert (lock.download_bytes, lock.installed_bytes, lock.origin) == (123, 456, "here")


names = st.text("abz09._-", max_size=8).map(lambda text: f"a{text}z")
versions = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,4}){0,3}(rc[0-9]|\.post[0-9])?(\+[a-z0-9]{1,5})?", fullmatch=True)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
packages = st.builds(
    lambda name, version, hashes: Package(name, version, tuple(f"sha256:{one}" for one in hashes)),
    names,
    versions,
    st.lists(digests, min_size=1, max_size=4),
)


LOADED = small()


@settings(max_examples=25, deadline=None)
@given(st.lists(packages, min_size=1, max_size=5), st.one_of(st.none(), st.integers(0, 2**50)))
def test_parse_lock__any_packages__survive_a_round_trip(wanted: list[Package], size: int | None) -> None:
    compiled = "".join(
        f"{one.name}=={one.version} \\\n" + " \\\n".join(f"    --hash={digest}" for digest in one.hashes) + "\n"
        for one in wanted
    )
    lock = parse_lock(lock_text(LOADED, compiled, size=size), "x")
    assert lock.packages == tuple(wanted)
    assert lock.installed_bytes == size


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param(
            "six==1.15.0", "expected `--hash=sha256:...` behind the package, found `six==1.15.0`", id="no hash"
        ),
        pytest.param(f"six==1.15.0 --hash=md5:{'c' * 32}", "expected `--hash=sha256:...`", id="weak hash"),
        pytest.param(f"six==1.15.0 --hash=sha256:{'c' * 63}", "expected `--hash=sha256:...`", id="short hash"),
        pytest.param(
            f"six>=1.15.0 --hash=sha256:{A}", "expected one version, as `six==1.0`, found `six>=1.15.0`", id="range"
        ),
        pytest.param(f"six==1.* --hash=sha256:{A}", "expected one version", id="wildcard"),
        pytest.param(f"six --hash=sha256:{A}", "expected one version", id="no version"),
        pytest.param(f"six=1 --hash=sha256:{A}", "expected a package such as `absl-py==0.15.0`", id="no requirement"),
        pytest.param("--index-url https://mirror.example/simple", "found an address", id="index-url"),
        pytest.param("-i https://mirror.example/simple", "found an address", id="-i"),
        pytest.param("--extra-index-url=https://mirror.example", "found an address", id="extra-index-url"),
        pytest.param("--find-links wheels", "found an address", id="find-links"),
        pytest.param("-r other.txt", "found an address", id="other file"),
        pytest.param("-e .", "found an address", id="editable"),
        pytest.param(f"six @ file:///six.whl --hash=sha256:{A}", "found an address", id="file"),
        pytest.param(f"https://mirror.example/six.whl --hash=sha256:{A}", "found an address", id="link"),
    ],
)
def test_parse_lock__unsafe_entry__is_refused_with_its_line(entry: str, expected: str) -> None:
    good = lock_text(small())
    with pytest.raises(RecipeError) as caught:
        parse_lock(f"{good}{entry}\n", "x.txt")
    assert str(caught.value).startswith("x.txt:11: expected ")
    assert expected in str(caught.value)


def test_format_lock__solver_gave_no_hashes__is_refused() -> None:
    with pytest.raises(RecipeError, match=r"uv 0\.13\.9:6: expected `--hash"):
        lock_text(small(), "six==1.15.0\n")


@pytest.mark.parametrize("text", ["", "\n", f"six==1 --hash=sha256:{A}\n"], ids=["empty", "blank", "no header"])
def test_parse_lock__no_header__is_refused(text: str) -> None:
    with pytest.raises(RecipeError, match=r"x\.txt:1: expected `# gpuenv lock of NAME"):
        parse_lock(text, "x.txt")


def test_parse_lock__header_only__is_refused() -> None:
    header = "".join(lock_text(small()).splitlines(keepends=True)[:5])
    with pytest.raises(RecipeError, match="expected a package, found none"):
        parse_lock(header, "x.txt")


@pytest.mark.parametrize(
    ("requirements", "stale"),
    [
        pytest.param(["tensorflow==2.4.0", "protobuf<3.21"], False, id="same"),
        pytest.param(["protobuf < 3.21", "tensorflow == 2.4.0"], False, id="other order and spelling"),
        pytest.param(["tensorflow==2.4.0", "protobuf<3.20"], True, id="other limit"),
        pytest.param(["tensorflow==2.4.0"], True, id="one less"),
        pytest.param(["tensorflow==2.4.0", "protobuf<3.21", "pip"], True, id="one more"),
    ],
)
def test_lock_is_stale__requirements_changed__is_noticed(requirements: list[str], stale: bool) -> None:
    lock = parse_lock(lock_text(small()), "x")
    assert lock_is_stale(small(requirements=requirements), lock) is stale


def test_lock_is_stale__source_gone__is_stale() -> None:
    lock = parse_lock(lock_text(small()), "x")
    recipe = small().recipe
    assert lock_is_stale(small(sources={"other": recipe.sources["pypi"]}), lock)


def test_lock_is_stale__header_lost_its_hash__is_stale() -> None:
    text = "\n".join(line for line in lock_text(small()).splitlines() if "sha256: " not in line)
    assert lock_is_stale(small(), parse_lock(text, "x"))


def test_read_lock__none_there__is_none(tmp_path: Path) -> None:
    assert read_lock(small(str(tmp_path / "small.yaml")), "pypi", "linux-64", "3.8") is None


def test_read_lock__file_there__is_read_for_every_patch_version(tmp_path: Path) -> None:
    loaded = small(str(tmp_path / "small.yaml"))
    path = put_lock(tmp_path / "small.yaml", lock_text(loaded, size=77))
    lock = read_lock(loaded, "pypi", "linux-64", "3.8.18")
    assert lock is not None
    assert lock.origin == str(path)
    assert installed_bytes(loaded, "pypi", "linux-64", "3.8") == 77


@pytest.mark.parametrize(
    ("change", "found"),
    [
        pytest.param("environment: {A: {value: b}}", True, id="requirements unchanged"),
        pytest.param("requirements: [tensorflow==2.4.0]", False, id="requirements changed"),
    ],
)
def test_read_lock__base_has_one__serves_while_it_fits(tmp_path: Path, change: str, found: bool) -> None:
    base = tmp_path / "team" / "small.yaml"
    base.parent.mkdir()
    base.write_text(SMALL, "utf-8")
    put_lock(base, lock_text(small()))
    mine = tmp_path / "gpuenv.yaml"
    mine.write_text(child("mine", "small", change), "utf-8")
    loaded = load_recipe_file(mine, sources_of(team=base.parent))
    assert (read_lock(loaded, "pypi", "linux-64", "3.8") is not None) is found


def test_read_lock__not_utf8__is_a_recipe_error(tmp_path: Path) -> None:
    put_lock(tmp_path / "small.yaml", "").write_bytes(b"\xff\xfe")
    with pytest.raises(RecipeError, match="cannot be read"):
        read_lock(small(str(tmp_path / "small.yaml")), "pypi", "linux-64", "3.8")
    assert installed_bytes(small(str(tmp_path / "small.yaml")), "pypi", "linux-64", "3.8") is None


def test_with_sizes_of__same_files__sizes_that_were_not_found_out_stay() -> None:
    earlier = parse_lock(lock_text(small(), size=456), "x")
    text = lock_text(small()).replace("download_bytes: 123", "download_bytes: unknown")
    kept = with_sizes_of(parse_lock(text, "x"), earlier)
    assert (kept.download_bytes, kept.installed_bytes) == (123, 456)
    assert parse_lock(kept.text, "x") == kept
    assert with_sizes_of(parse_lock(lock_text(small(), size=789), "x"), earlier).installed_bytes == 789


def test_with_sizes_of__other_files__are_unknown() -> None:
    earlier = parse_lock(lock_text(small(), size=456), "x")
    other = parse_lock(lock_text(small(), COMPILED.replace("0.15.0", "0.15.1")), "x")
    assert with_sizes_of(other, earlier).installed_bytes is None
    assert with_sizes_of(other, None) == other


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (("made 2026-11-23", "made 2027-01-01"), True),
        (("0.15.0", "0.15.1"), False),
        (("recipe sha256: ", "recipe sha256: 0"), False),
    ],
    ids=["date", "version", "requirements"],
)
def test_says_the_same__a_change__but_of_the_date_counts(tmp_path: Path, change: tuple[str, str], same: bool) -> None:
    path = tmp_path / "lock.txt"
    lock = parse_lock(lock_text(small()), "solved")
    earlier = parse_lock(lock_text(small()).replace(*change), str(path))
    assert says_the_same(earlier, lock, path) is same
    assert not says_the_same(earlier, lock, tmp_path / "other.txt")
    assert not says_the_same(None, lock, path)


def test_read_lock__damaged__hint_names_the_recipes_file(tmp_path: Path) -> None:
    put_lock(tmp_path / "small.yaml", "nonsense\n")
    with pytest.raises(RecipeError) as caught:
        read_lock(small(str(tmp_path / "small.yaml")), "pypi", "linux-64", "3.8")
    assert caught.value.hints[0].text == f"make the lock again with `gpuenv lock {tmp_path / 'small.yaml'}`"
