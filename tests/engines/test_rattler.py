"""Whole runs of `gpuenv create --engine rattler` with py-rattler and uv, on the tests' own channel and index."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conda_channel import File, Index, MadeChannel, Served, index_channel, make_package, served_channel
from conda_stack import write_conda_recipe
from real_conda import RealConda, make_conda
from small_stack import SmallStack

Run = Callable[..., Any]
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the small stack is ELF; run on Linux"),
    pytest.mark.usefixtures("rattler_cache"),
]


def create(gpuenv: Run, recipe: Path, *extra: object, name: str = "tf") -> Any:
    return gpuenv(
        "create", "-n", name, "--recipe", recipe, "--engine", "rattler", "--gpu", "8.6", "--yes", "--json", *extra
    )


def error_of(ended: Any) -> dict[str, Any]:
    (error,) = ended.document["errors"]
    return dict(error)


def hint_codes(error: dict[str, Any]) -> list[str]:
    return [hint["code"] for hint in error["hints"]]


def envs(isolated: Path) -> list[str]:
    directory = isolated / "data" / "envs"
    return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


@pytest.fixture
def recipe(small_index: SmallStack, conda_channel: MadeChannel) -> Path:
    return write_conda_recipe(small_index, conda_channel)


def test_create__channel_in_a_directory__whole_environment(
    gpuenv: Run, recipe: Path, conda_channel: MadeChannel, isolated: Path
) -> None:
    ended = create(gpuenv, recipe)
    assert ended.code == 0, ended.err + ended.out
    receipt = ended.document["data"]
    prefix = isolated / "data" / "envs" / "tf"
    assert (receipt["source"], receipt["engine"]) == ("conda", "rattler")
    assert f"{conda_channel.uri}/linux-64/cudnn-8.0.5.39-ha5ca753_1.conda" in receipt["conda_packages"]
    assert [(check["check"], check["status"]) for check in receipt["checks"]] == [("files", "ok")]
    said = subprocess.run(
        [prefix / "bin" / "python", "-c", "import sys, ssl, tensorflow as t; print(sys.prefix, t.__version__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == [str(prefix), "2.4.0"]
    # The prefix was replaced in texts and in a binary.
    assert (prefix / "bin" / "pydoc3").read_text().startswith(f"#!{prefix}/bin/python")
    probe = subprocess.run([prefix / "lib" / "prefix-probe"], capture_output=True, text=True, check=True)
    assert probe.stdout.strip() == str(prefix)


def test_create__one_worker__finds_the_packages_and_installs_them(
    gpuenv: Run, recipe: Path, monkeypatch: pytest.MonkeyPatch, isolated: Path
) -> None:
    from gpuenv.engines import rattler_asking

    started: list[object] = []
    start = rattler_asking.Child
    monkeypatch.setattr(rattler_asking, "Child", lambda *argv, **how: started.append(argv) or start(*argv, **how))
    assert create(gpuenv, recipe).code == 0
    assert len(started) == 1
    assert workers_in(isolated) == []


def test_create__channel_changes_after_a_dry_run__is_read_anew(
    gpuenv: Run, recipe: Path, conda_channel: MadeChannel
) -> None:
    assert create(gpuenv, recipe, "--dry-run").code == 0
    index = Index("cudnn", "8.0.6", "new_0", depends=("cudatoolkit 11.0|11.0.*",))
    make_package(conda_channel.directory, index, {})
    index_channel(conda_channel.directory)
    plan = create(gpuenv, recipe, "--dry-run").document["data"]
    assert "cudnn-8.0.6-new_0.conda" in {package["file_name"] for package in plan["conda_packages"]}


def test_create__links__are_relative_and_cuda_only(
    gpuenv: Run, recipe: Path, conda_channel: MadeChannel, isolated: Path
) -> None:
    assert create(gpuenv, recipe).code == 0
    prefix = isolated / "data" / "envs" / "tf"
    framework = prefix / "lib" / f"python{conda_channel.python}" / "site-packages" / "tensorflow"
    links = {path.name: os.readlink(path) for path in framework.iterdir() if path.is_symlink()}
    # cuDNN needs libstdc++ too, but the framework shall not find conda's before its own.
    assert sorted(links) == ["libcudart.so.11.0", "libcudnn.so.8", "libcudnn_ops_infer.so.8", "libcusolver.so.10"]
    assert links["libcudnn.so.8"] == "../../../libcudnn.so.8"
    moved = prefix.rename(prefix.with_name("moved"))
    assert all((moved / path.relative_to(prefix)).exists() for path in (framework / name for name in links))


def test_create__conda_meta__is_what_conda_and_micromamba_read(
    gpuenv: Run, recipe: Path, conda_channel: MadeChannel, isolated: Path
) -> None:
    from rattler import PrefixRecord

    assert create(gpuenv, recipe).code == 0
    meta = isolated / "data" / "envs" / "tf" / "conda-meta"
    read = [PrefixRecord.from_path(path) for path in meta.glob("*.json")]
    records = {record.name.normalized: record for record in read}
    assert sorted(records) == ["cudatoolkit", "cudnn", "libgcc-ng", "python", "tzdata"]
    version = str(records["python"].version)
    assert version.startswith(f"{conda_channel.python}.")
    assert records["python"].requested_specs == [f"python=={version}"]
    assert records["libgcc-ng"].requested_specs == []
    assert Path("lib/libcudnn.so.8") in records["cudnn"].files
    history = (meta / "history").read_text()
    assert f"+{conda_channel.uri}/linux-64::cudnn-8.0.5.39-ha5ca753_1\n" in history
    assert f"# update specs: ['cudatoolkit==11.0.3', 'cudnn==8.0.5.39', 'python=={version}']\n" in history
    # Any other JSON file there breaks `conda list`.
    assert len(read) == len(records)


@pytest.mark.conda
def test_create__real_conda__lists_clones_and_goes_on_with_it(
    gpuenv: Run, recipe: Path, conda_channel: MadeChannel, isolated: Path
) -> None:
    conda = make_conda(isolated / "conda", conda_channel.uri)
    assert create(gpuenv, recipe).code == 0
    prefix = isolated / "data" / "envs" / "tf"
    versions = {package["name"]: package["version"] for package in said_by(conda, "list", "-p", prefix)}
    assert (versions["cudnn"], versions["tensorflow"]) == ("8.0.5.39", "2.4.0")
    # conda knows what was asked for, and has nothing to change about it.
    exported = said_by(conda, "env", "export", "--from-history", "-p", prefix)
    python = f"python={versions['python']}"
    assert sorted(exported["dependencies"]) == ["cudatoolkit=11.0.3", "cudnn=8.0.5.39", python]
    same = said_by(conda, "install", "-p", prefix, "--dry-run", "cudnn=8.0")
    assert "already installed" in same["message"]
    health = conda("doctor", "-p", prefix).out
    assert "no packages with missing files" in health.lower()
    assert "Altered Files" not in health
    said_by(conda, "create", "-p", isolated / "clone", "--clone", prefix, "--offline")
    library_dir = isolated / "clone" / "lib"
    link = library_dir / f"python{conda_channel.python}" / "site-packages" / "tensorflow" / "libcudnn.so.8"
    assert link.resolve() == (library_dir / "libcudnn.so.8.0.5").resolve()


def said_by(conda: RealConda, *arguments: object) -> Any:
    ended = conda(*arguments, "--json")
    assert ended.code == 0, ended.out + ended.err
    return json.loads(ended.out)


def test_create__dry_run__every_package_and_both_sizes(
    gpuenv: Run, recipe: Path, conda_channel: MadeChannel, isolated: Path
) -> None:
    plan = create(gpuenv, recipe, "--dry-run").document["data"]
    assert [package["name"] for package in plan["packages"]] == ["tensorflow"]
    shown = {package["name"]: package for package in plan["conda_packages"]}
    assert sorted(shown) == ["cudatoolkit", "cudnn", "libgcc-ng", "python", "tzdata"]
    assert [name for name, package in shown.items() if package["requested"]] == ["cudatoolkit", "cudnn", "python"]
    sizes = [
        (conda_channel.directory / package["subdir"] / package["file_name"]).stat().st_size
        for package in shown.values()
    ]
    wheel = next(recipe.parent.parent.glob("wheels/tensorflow-*.whl"))
    assert plan["download_bytes"] == sum(sizes) + wheel.stat().st_size
    assert plan["python"] is None
    assert envs(isolated) == []


def test_create__then_verify_run_export_remove__all_work(
    gpuenv: Run, recipe: Path, isolated: Path, tmp_path: Path
) -> None:
    first = create(gpuenv, recipe).document["data"]
    assert gpuenv("verify", "-n", "tf", "files").code == 0
    ran = subprocess.run(
        [sys.executable, "-m", "gpuenv", "run", "-n", "tf", "--", "python", "-c", "import sys; print(sys.prefix)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == first["prefix"]
    exported = gpuenv("export", "-n", "tf", "-o", tmp_path / "team.yaml")
    assert exported.code == 0, exported.err
    assert exported.out.rstrip().endswith("--engine rattler")
    # The exported lock has a conda part: the same packages again, without solving.
    again = create(gpuenv, tmp_path / "team.yaml", name="again")
    assert again.code == 0, again.err + again.out
    assert again.document["data"]["conda_packages"] == first["conda_packages"]
    assert again.document["data"]["lock_sha256"] == first["lock_sha256"]
    assert gpuenv("remove", "-n", "tf", "--yes").code == 0
    assert envs(isolated) == ["again"]


def test_create__cuda_from_pypi__python_from_conda_and_the_wheels(
    gpuenv: Run, recipe: Path, small_index: SmallStack, conda_channel: MadeChannel, isolated: Path
) -> None:
    from small_stack import write_lock

    text = recipe.read_text().replace("libcudnn.so.8]", "]").replace("[libcudnn_ops_infer.so.8]", "[]")
    recipe.write_text(text.replace(", ]", "]"))
    write_lock(recipe, sorted(small_index.wheels.glob("*.whl")), python=conda_channel.python)
    ended = create(gpuenv, recipe, "--cuda-from", "pypi")
    assert ended.code == 0, ended.err + ended.out
    names = [Path(package).name.split("-")[0] for package in ended.document["data"]["conda_packages"]]
    assert names == ["libgcc", "python", "tzdata"]
    site = isolated / "data" / "envs" / "tf" / "lib" / f"python{conda_channel.python}" / "site-packages"
    assert os.readlink(site / "tensorflow" / "libcusolver.so.10").startswith("../nvidia/")


@pytest.mark.usefixtures("empty_rattler_cache")
def test_create__channel_over_http__progress_and_every_package_once(
    gpuenv: Run, small_index: SmallStack, conda_channel: MadeChannel
) -> None:
    with served_channel(conda_channel.directory) as served:
        ended = create(gpuenv, write_conda_recipe(small_index, conda_channel, served.address))
        assert ended.code == 0, ended.err + ended.out
        fetched = [path for path in served.requests if path.endswith((".conda", ".tar.bz2"))]
        assert len(fetched) == len(set(fetched)) == 5
        assert "downloading python" in ended.err or "unpacked python" in ended.err
        again = create(gpuenv, write_conda_recipe(small_index, conda_channel, served.address), name="again")
        assert again.code == 0
        assert [path for path in served.requests if path.endswith((".conda", ".tar.bz2"))] == fetched


@pytest.mark.usefixtures("empty_rattler_cache")
@pytest.mark.parametrize("spoilt", ["damaged", "gone", "replaced"])
def test_create__package_is_not_the_one_of_the_repodata__nothing_is_left(
    gpuenv: Run, small_index: SmallStack, conda_channel: MadeChannel, isolated: Path, spoilt: str
) -> None:
    with served_channel(conda_channel.directory) as served:
        recipe = write_conda_recipe(small_index, conda_channel, served.address)
        spoil(served, conda_channel, spoilt)
        ended = create(gpuenv, recipe)
        assert ended.code == 6, ended.out
        error = error_of(ended)
        assert served.address in error["message"]
        assert error["cause"]
        assert hint_codes(error)[0] == "fetch.again"
        assert envs(isolated) == []


CUDNN = "cudnn-8.0.5.39-ha5ca753_1.conda"


def spoil(served: Served, channel: MadeChannel, how: str) -> None:
    """Make the channel serve cuDNN otherwise than its repodata says."""
    path = channel.directory / "linux-64" / CUDNN
    if how == "damaged":
        served.damaged.add(CUDNN)
    elif how == "gone":
        path.unlink()
    else:
        path.unlink()
        shutil.copy(next(path.parent.glob("libgcc-ng-*.conda")), path)


def test_create__lock_pins_another_file_than_the_channel_has__says_so(
    gpuenv: Run, recipe: Path, conda_channel: MadeChannel, isolated: Path, tmp_path: Path
) -> None:
    assert create(gpuenv, recipe).code == 0
    assert gpuenv("export", "-n", "tf", "-o", tmp_path / "team.yaml").code == 0
    (conda_channel.directory / "linux-64" / CUDNN).unlink()
    index = Index("cudnn", "8.0.5.39", "ha5ca753_1", depends=("cudatoolkit 11.0|11.0.*",))
    make_package(conda_channel.directory, index, {"lib/other": File(b"")})
    index_channel(conda_channel.directory)
    ended = create(gpuenv, tmp_path / "team.yaml", name="again")
    assert ended.code == 6, ended.out
    assert "does not have the hash that the lock pins" in error_of(ended)["message"]
    assert CUDNN in error_of(ended)["message"]
    (conda_channel.directory / "linux-64" / CUDNN).unlink()
    index_channel(conda_channel.directory)
    gone = create(gpuenv, tmp_path / "team.yaml", name="again")
    assert gone.code == 5, gone.out
    assert f"has no `{conda_channel.uri}/linux-64/{CUDNN}`" in error_of(gone)["message"]
    assert envs(isolated) == ["tf"]


@pytest.mark.parametrize(
    ("spec", "message", "cause"),
    [
        pytest.param("cudnn=8.1", "has no `cudnn=8.1`", "No candidates were found for cudnn 8.1.*", id="no version"),
        pytest.param("cudnn=7.6", "has no packages that fit together", "cudatoolkit", id="one of its needs"),
    ],
)
def test_create__no_such_packages__says_which_and_offers_the_wheels(
    gpuenv: Run, recipe: Path, conda_channel: MadeChannel, spec: str, message: str, cause: str
) -> None:
    recipe.write_text(recipe.read_text().replace("cudnn=8.0", spec))
    ended = create(gpuenv, recipe, "--cuda-from", "conda")
    assert ended.code == 5, ended.out
    error = error_of(ended)
    assert f"channel `{conda_channel.uri}` {message}" in error["message"]
    assert cause in error["cause"]
    assert hint_codes(error) == ["conda.pypi", "conda.channel"]


def test_create__no_such_python__wheels_of_cuda_are_not_offered(
    gpuenv: Run, recipe: Path, conda_channel: MadeChannel
) -> None:
    text = recipe.read_text().replace(f'pythons: ["{conda_channel.python}"]', 'pythons: ["3.6"]')
    recipe.write_text(text)
    lock = next(recipe.with_name("small-conda.locks").iterdir())
    lock.unlink()
    ended = create(gpuenv, recipe)
    assert ended.code == 5, ended.out
    assert "has no `python=3.6`" in error_of(ended)["message"]
    assert hint_codes(error_of(ended)) == ["conda.python", "conda.channel"]


@pytest.mark.parametrize(
    ("needs", "cuda", "variables", "problem"),
    [
        pytest.param("__cuda >=11.2", "11.2", {}, None, id="driver knows enough"),
        pytest.param("__cuda >=12", "11.2", {}, "unsolvable", id="driver too old"),
        pytest.param("__cuda", None, {}, "unsolvable", id="no driver"),
        pytest.param("__glibc >=2.17", None, {}, None, id="glibc of this machine"),
        pytest.param("__glibc >=2.17", None, {"CONDA_OVERRIDE_GLIBC": "2.12"}, "unsolvable", id="glibc said to be old"),
        pytest.param("__archspec 1 x86_64", None, {"CONDA_OVERRIDE_ARCHSPEC": "x86_64"}, None, id="processor"),
    ],
)
def test_resolve__virtual_packages__are_what_the_machine_has_or_the_user_says(
    conda_channel: MadeChannel,
    monkeypatch: pytest.MonkeyPatch,
    needs: str,
    cuda: str | None,
    variables: dict[str, str],
    problem: str | None,
) -> None:
    from gpuenv.engines.rattler_asking import Worker
    from gpuenv.engines.rattler_messages import Channel, Solve
    from gpuenv.model import silent

    make_package(conda_channel.directory, Index("needy", "1", depends=(needs,)), {})
    index_channel(conda_channel.directory)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    channels = (Channel("test", conda_channel.uri),)
    worker = Worker(silent)
    answer = worker.ask(Solve(("needy",), channels, "linux-64", cuda), silent)
    worker.end()
    assert answer.problem == problem, answer.text
    assert [package.channel for package in answer.packages] == ([] if problem else ["test"])


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/closed", "file:///nowhere/at/all"])
def test_create__channel_cannot_be_read__is_named(gpuenv: Run, recipe: Path, isolated: Path, address: str) -> None:
    ended = create(gpuenv, recipe, "--channel", address, "--override-channels")
    assert ended.code == 6, ended.out
    assert error_of(ended)["message"] == f"channel `{address}` could not be read"
    assert envs(isolated) == []


@pytest.mark.parametrize("setting", ["mirror of rattler", "alias in .condarc"])
def test_create__channel_by_name__comes_from_where_the_user_says(
    gpuenv: Run,
    small_index: SmallStack,
    conda_channel: MadeChannel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
) -> None:
    from rattler import Channel

    recipe = write_conda_recipe(small_index, conda_channel, "channel")
    with served_channel(conda_channel.directory) as served:
        if setting == "alias in .condarc":
            (tmp_path / "condarc").write_text(f"channel_alias: {served.address.removesuffix('/channel')}\n")
            monkeypatch.setenv("CONDARC", str(tmp_path / "condarc"))
        else:
            (tmp_path / "rattler").mkdir()
            usual = Channel("channel").base_url.rstrip("/")
            mirrors = f'[mirrors]\n"{usual}" = ["{served.address}"]\n'
            (tmp_path / "rattler" / "config.toml").write_text(mirrors)
            monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        ended = create(gpuenv, recipe)
        assert ended.code == 0, ended.err + ended.out
        assert "/channel/linux-64/repodata.json" in served.requests
    assert {package.split("/")[0] for package in ended.document["data"]["conda_packages"]} == {"channel"}


def test_create__label_of_a_channel__is_told_from_the_channel(
    gpuenv: Run, recipe: Path, conda_channel: MadeChannel
) -> None:
    label = conda_channel.directory / "label" / "rc"
    make_package(label, Index("cudnn", "8.0.9", "rc_0", depends=("cudatoolkit 11.0|11.0.*",)), {})
    index_channel(label)
    plan = create(gpuenv, recipe, "--dry-run", "-c", conda_channel.uri, "-c", f"{conda_channel.uri}/label/rc/")
    channels = {package["name"]: package["channel"] for package in plan.document["data"]["conda_packages"]}
    assert set(channels.values()) == {conda_channel.uri}
    first = create(gpuenv, recipe, "--dry-run", "-c", f"{conda_channel.uri}/label/rc/")
    channels = {package["name"]: package["channel"] for package in first.document["data"]["conda_packages"]}
    assert channels["cudnn"] == f"{conda_channel.uri}/label/rc"


def test_create__channel_without_hashes__is_refused(gpuenv: Run, recipe: Path, conda_channel: MadeChannel) -> None:
    index = conda_channel.directory / "linux-64" / "repodata.json"
    repodata = json.loads(index.read_text())
    for name in ("sha256", "md5"):
        del repodata["packages.conda"][CUDNN][name]
    index.unlink()
    index.write_text(json.dumps(repodata))
    ended = create(gpuenv, recipe)
    assert ended.code == 6, ended.out
    assert error_of(ended)["message"] == f"the channel gives no hash of `{conda_channel.uri}/linux-64/{CUDNN}`"


def test_create__channel_option__is_looked_in_first(
    gpuenv: Run, recipe: Path, conda_channel: MadeChannel, tmp_path: Path
) -> None:
    own = tmp_path / "my own"
    index = Index("cudnn", "8.0.9", "mine_0", depends=("cudatoolkit 11.0|11.0.*",))
    make_package(own, index, {})
    index_channel(own)
    plan = create(gpuenv, recipe, "--dry-run", "-c", own).document["data"]
    channels = {package["name"]: package["channel"] for package in plan["conda_packages"]}
    assert (channels["cudnn"], channels["python"]) == (own.as_uri(), conda_channel.uri)
    made = create(gpuenv, recipe, "-c", own, "--verify", "none", name="made")
    assert "libcudnn" in error_of(made)["message"]  # that package is empty


def test_create__without_py_rattler__says_what_to_install(
    gpuenv: Run, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "rattler.py").write_text("raise ImportError('No module named rattler')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "hidden"))
    ended = create(gpuenv, recipe)
    assert ended.code == 2, ended.out
    assert error_of(ended)["hints"][0]["text"] == "run `python -m pip install 'gpuenv[rattler]'`"


def test_is_cached__before_and_after_an_environment__no_and_yes(
    gpuenv: Run, recipe: Path, empty_rattler_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpuenv.cli.create.ASK_FROM_BYTES", 1)
    asked = ("create", "--recipe", recipe, "--engine", "rattler", "--gpu", "8.6", "--json")
    first = gpuenv(*asked, "-n", "first")
    assert first.code == 2
    assert "Download up to" in error_of(first)["message"]
    assert gpuenv(*asked, "-n", "first", "--yes").code == 0
    assert gpuenv(*asked, "-n", "second").code == 0


def test_create__package_that_cannot_be_asked_for__is_named(gpuenv: Run, recipe: Path) -> None:
    recipe.write_text(recipe.read_text().replace("cudnn=8.0", '"cudnn= =x y z"'))
    ended = create(gpuenv, recipe, "--cuda-from", "conda")
    assert ended.code == 2, ended.out
    assert error_of(ended)["message"] == "`cudnn= =x y z` is no conda package that can be asked for"


def start_slowly(
    served: Served, small_index: SmallStack, conda_channel: MadeChannel, temporary: Path
) -> subprocess.Popen[str]:
    """Start a `create` whose packages come slowly, and wait until the first is asked for."""
    recipe = write_conda_recipe(small_index, conda_channel, served.address)
    argv = [sys.executable, "-m", "gpuenv", "create", "-n", "tf", "--recipe", str(recipe), "--engine", "rattler"]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    argv += ["--gpu", "8.6", "--yes", "--json"]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment)
    served.slow_s = 5
    deadline = time.monotonic() + 60
    while not any(path.endswith(".conda") for path in served.requests) and time.monotonic() < deadline:
        time.sleep(0.02)
    return child


@pytest.mark.usefixtures("empty_rattler_cache")
def test_create__killed_while_packages_come__no_worker_is_left(
    small_index: SmallStack, conda_channel: MadeChannel, isolated: Path
) -> None:
    with served_channel(conda_channel.directory) as served:
        child = start_slowly(served, small_index, conda_channel, isolated)
        assert len(workers_in(isolated)) == 1
        child.kill()
        child.communicate(timeout=30)
        deadline = time.monotonic() + 3
        while workers_in(isolated) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert workers_in(isolated) == []


@pytest.mark.usefixtures("empty_rattler_cache")
def test_create__ctrl_c_while_packages_come__nothing_is_left_and_no_worker(
    small_index: SmallStack, conda_channel: MadeChannel, isolated: Path
) -> None:
    with served_channel(conda_channel.directory) as served:
        child = start_slowly(served, small_index, conda_channel, isolated)
        assert (isolated / "data" / "envs" / "tf").exists()
        child.send_signal(signal.SIGINT)
        began = time.monotonic()
        said, _ = child.communicate(timeout=30)
        assert time.monotonic() - began < 3
    assert child.returncode == 130, said
    assert envs(isolated) == []
    assert workers_in(isolated) == []


def workers_in(isolated: Path) -> list[str]:
    """List the workers that still run for environments of this test, by their standard input being gone or not."""
    found = []
    for status in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(isolated).encode() in status.read_bytes():
                found.append((status.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return [line for line in found if "rattler_worker" in line]


def test_lock__engine_rattler__conda_part_for_both_platforms(
    gpuenv: Run, recipe: Path, conda_channel: MadeChannel
) -> None:
    shutil.rmtree(recipe.with_name("small-conda.locks"))
    ended = gpuenv("lock", recipe, "--source", "conda", "--engine", "rattler")
    assert ended.code == 0, ended.err + ended.out
    for platform, cudnn in (("linux-64", CUDNN), ("win-64", "cudnn-8.0.5.39-hfe7f257_1.tar.bz2")):
        text = (recipe.parent / "small-conda.locks" / f"conda-{platform}-py{conda_channel.python}.txt").read_text()
        assert f"# conda: {conda_channel.uri}/{platform}/{cudnn} sha256=" in text
    assert create(gpuenv, recipe).code == 0
