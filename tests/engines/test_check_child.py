from __future__ import annotations

import ast
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from check_contexts import make_environment
from gpuenv.extension import CheckContext
from gpuenv.verify.child import CHILDREN_DIR, ChildRun, missing_libraries, outside, run_script, verdict

MISSING_PART = "Could not load library libcudnn_ops_infer.so.8. Error: libcudnn_ops_infer.so.8: cannot open"
SCRIPT = f"""\
import os, signal, sys, time
sys.path.insert(0, {str(CHILDREN_DIR)!r})
import gpuenv_child
def main(child):
    child.evidence(option=child.options.get("answer"))
    with child.step("matmul"):
        print("said on the standard output")
    with child.step("convolution"):
        BODY
gpuenv_child.start().run(main)
"""


def run(context: CheckContext, body: str, script: str = SCRIPT) -> ChildRun:
    path = context.log_dir.parent / "script.py"
    path.write_text(script.replace("BODY", body))
    return run_script(path, "fake", context, {"answer": 42})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("pass", None),
        (
            f"sys.stderr.write({MISSING_PART!r}); sys.stderr.flush(); os.abort()",
            "convolution ended the process with signal SIGABRT: could not load `libcudnn_ops_infer.so.8`",
        ),
        ("os.abort()", "convolution ended the process with signal SIGABRT"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "convolution ended the process with signal SIGSEGV"),
        ("os._exit(3)", "convolution ended the process with exit code 3"),
        ("os._exit(0)", "convolution ended the process with exit code 0 and no result"),
        ("raise gpuenv_child.Failed('it is wrong')", "it is wrong"),
        ("raise ValueError('first line\\nsecond')", "ValueError: first line"),
        ("raise MemoryError", "MemoryError"),
    ],
    ids=["well", "abort", "abort for no reason", "signal", "exit code", "exit 0", "failed", "exception", "no text"],
)
def test_run_script__every_ending__is_a_verdict(context: CheckContext, body: str, expected: str | None) -> None:
    ended = run(context, body)
    assert verdict(ended, context) == expected
    assert ended.evidence["option"] == "42"
    assert [step["step"] for step in ended.evidence["steps"]] == ["matmul", "convolution"]


def test_run_script__hangs__ended_and_the_step_is_named(context: CheckContext) -> None:
    for timeout_s in (0.3, 2.0, 10.0):  # on a busy machine it may take long to come to the convolution
        short = replace(context, timeout_s=timeout_s)
        ended = run(short, "time.sleep(600)")
        if "gpuenv: convolution" in ended.log_path.read_text():
            break
    assert verdict(ended, short) == f"convolution did not end within {timeout_s:g} s"
    assert ended.completed.elapsed_s < 30
    assert "gpuenv: convolution" in ended.log_path.read_text()


def test_run_script__dies_between_steps__says_after_which(context: CheckContext) -> None:
    script = SCRIPT.replace("gpuenv_child.start().run(main)", "child = gpuenv_child.start(); main(child); os.abort()")
    assert verdict(run(context, "pass", script), context) == (
        "the time after convolution ended the process with signal SIGABRT"
    )


def test_run_script__writes_garbage_into_the_report__no_result(context: CheckContext) -> None:
    ended = run(context, "", "import sys\nopen(sys.argv[1], 'wb').write(b'\\xff\\x00{]\\n' * 9)\n")
    assert verdict(ended, context) == "the environment's Python did not begin the check: exit code 0"
    assert ended.report.unreadable_lines > 0


def test_run_script__python_cannot_run_it__says_so(context: CheckContext) -> None:
    ended = run(context, "", "import nowhere_to_be_found\n")
    assert verdict(ended, context) == "the environment's Python did not begin the check: exit code 1"
    assert "nowhere_to_be_found" in ended.log_path.read_text()


def test_run_script__full_output__in_the_log(context: CheckContext) -> None:
    ended = run(context, "sys.stderr.write('a warning\\n')")
    text = ended.log_path.read_text()
    assert ended.evidence["log"] == str(ended.log_path)
    assert "a warning" in text
    assert "said on the standard output" in text


def test_run_script__steps__are_told_while_it_runs(context: CheckContext) -> None:
    told: list[str] = []
    run(replace(context, on_step=told.append), "pass")
    assert told == ["matmul", "convolution"]


def test_run_script__activated__takes_python_from_the_path(context: CheckContext) -> None:
    ended = run(replace(context, activated=True), "child.evidence(prefix=os.environ['VIRTUAL_ENV'])")
    assert verdict(ended, replace(context, activated=True)) is None
    assert ended.evidence["prefix"] == str(context.built.prefix)
    assert ended.log_path.name == "verify-fake-activated.log"


def test_run_script__activation_leads_elsewhere__not_a_proof(context: CheckContext, tmp_path: Path) -> None:
    activated = replace(context, activated=True, built=make_environment(tmp_path / "env"))
    (activated.built.prefix / "bin" / "activate").write_text("")
    elsewhere = str(Path(sys.executable).parent)
    ended = run(replace(activated, environment={"PATH": f"{elsewhere}:{os.defpath}"}), "pass")
    assert str(verdict(ended, activated)).startswith("`python` in the activated shell is")


def test_run_script__activated_and_aborts__the_signal_is_seen(context: CheckContext) -> None:
    activated = replace(context, activated=True)
    assert verdict(run(activated, "os.abort()"), activated) == "convolution ended the process with signal SIGABRT"


def test_run_script__earlier_report__does_not_count(context: CheckContext) -> None:
    run(context, "pass")
    ended = run(context, "", "import os\nos._exit(0)\n")
    assert verdict(ended, context) == "the environment's Python did not begin the check: exit code 0"


def test_run_script__foreign_variables__not_inherited(context: CheckContext, tmp_path: Path) -> None:
    foreign = {"PYTHONPATH": str(tmp_path / "hostile"), "PYTHONHOME": "/nowhere", "VIRTUAL_ENV": "/elsewhere"}
    ended = run(replace(context, environment={**context.environment, **foreign}), "pass")
    assert verdict(ended, context) is None


def test_outside__of_an_activated_shell__nothing_of_it_is_left() -> None:
    environment = {
        "PATH": "/envs/tf/bin:/usr/bin:/envs/tf-2/bin",
        "XLA_FLAGS": "--xla_gpu_cuda_data_dir=/envs/tf/cuda",
        "CUDA_CACHE_PATH": "/envs/tf/var/cache",
        "VIRTUAL_ENV": "/envs/tf",
        "CUDA_MODULE_LOADING": "LAZY",
    }
    expected = {"PATH": "/usr/bin:/envs/tf-2/bin", "CUDA_MODULE_LOADING": "LAZY"}
    assert outside(environment, Path("/envs/tf")) == expected


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (MISSING_PART, ("libcudnn_ops_infer.so.8",)),
        ("Could not load library libcudnn_ops_infer.so.8. Error: libcuda.so: cannot", ("libcudnn_ops_infer.so.8",)),
        ("Could not load library cudnn_cnn_infer64_8.dll. Error code 126", ("cudnn_cnn_infer64_8.dll",)),
        ("Could not locate zlibwapi.dll. Please make sure", ("zlibwapi.dll",)),
        (
            "] Could not load dynamic library 'libcudart.so.11.0'; dlerror: a\n"
            "] Could not load dynamic library 'libcusolver.so.10'; dlerror: b\n"
            "] Could not load dynamic library 'libcudart.so.11.0'; dlerror: a\n",
            ("libcudart.so.11.0", "libcusolver.so.10"),
        ),
        ("Successfully opened dynamic library libcudart.so.11.0", ()),
    ],
    ids=["linux", "with libcuda", "windows", "zlib", "dynamic", "none"],
)
def test_missing_libraries__real_lines__names(log: str, expected: tuple[str, ...]) -> None:
    assert missing_libraries(log) == expected


@pytest.mark.parametrize("path", sorted(CHILDREN_DIR.glob("*.py")), ids=lambda path: path.name)
def test_children__oldest_python__can_read_them(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 6))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/env/nvidia/cudnn/lib/libcudnn_ops_infer.so.8", True),
        ("/usr/lib/libcuda.so.580.159.04", True),
        ("/env/lib/libcudart.so.11.0", True),
        ("/env/lib/libcublasLt.so.11", True),
        ("C:\\env\\opt\\gpuenv\\bin\\cusolver64_11.dll", True),
        ("C:\\Windows\\System32\\nvcuda.dll", True),
        ("/usr/lib/libcurl.so.4", False),
        ("/usr/lib/libcups.so.2", False),
        ("/env/libtensorflow_framework.so.2", False),
    ],
    ids=lambda value: str(value).replace("\\", "/").rpartition("/")[2],
)
def test_mapped_libraries__names__nvidia_or_not(path: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(CHILDREN_DIR))
    import gpuenv_child

    monkeypatch.setattr(gpuenv_child, "_linux_maps", lambda: {path})
    assert gpuenv_child.mapped_libraries() == ([path] if expected else [])
