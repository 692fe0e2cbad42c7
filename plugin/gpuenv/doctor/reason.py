"""What the events of a log say together: whose machine it is, what worked in the end, which version is whose."""

from __future__ import annotations

import re

from gpuenv.doctor.event import Event, Log

_RUNTIME = re.compile(r"(?:lib)?cudart", re.IGNORECASE)
_MEMORY_USAGE = re.compile(r"Memory usage: (\d+) bytes free, (\d+) bytes total")
_PROGRESS = re.compile(r"\bloss: \d|\b\d+(?:us|ms|s)/(?:step|sample)|\[=+>?\.*\]")
_INSTALLED = re.compile(
    r"Successfully installed |Executing transaction:[. \w]*\bdone|Solving environment:[ .\w]*\bdone|Installed "
    r"\d+ packages? in"
)
# CUresult of cuda.h; 303 is what TensorFlow says when `libcuda` itself could not be opened.
NUMBERS = {
    "34": "driver.stub",
    "35": "driver.too-old",
    "38": "driver.no-device",
    "100": "driver.no-device",
    "303": "driver.not-loaded",
    "802": "driver.fabric",
    "803": "driver.mismatch",
    "804": "driver.compat",
    "-1": "driver.stub",
}
_NOT_NARROWER = frozenset(
    {
        "gpu.any-error",
        "gpu.expected",
        "gpu.created",
        "library.opened",
        "driver.kernel-version",
        "driver.library-version",
        "system.segfault",
        "python.imports-torch",
        "python.imports-tensorflow",
        "python.import-name",
        "memory.handle-status",
        "code.handle",
        "code.blackwell",
        "container.smi-works",
        "code.capability",
        "code.nan",
        "conda.path",
        "windows.python",
        "tensorflow.from-2.11",
        "gpu.none-listed",
        "gpu.only-cpu",
        "gpu.empty-list",
        "gpu.seen",
        "build.jax-on-cpu",
        "build.cpu-package",
        "build.cpu-release",
        "python.import-name-only",
        "library.cudnn-loaded",
        "kernel.died",
        "python.elsewhere",
        "python.store-alias",
        "python.attribute",
        "python.module-missing",
        "requires.other",
        "install.command",
        "install.download",
        "install.network",
    }
)
# Who asks for a GPU, or for its list, expects one.
_SIGNS_OF_A_GPU = (
    "gpu.expected",
    "gpu.seen",
    "gpu.none-listed",
    "gpu.empty-list",
    "library.some-missing",
    "gpu.created",
    "driver.mismatch",
)
_OTHER_LIBRARIES = frozenset({"libcuda.so.1", "nvcuda.dll"})


def missing_libraries(log: Log) -> list[Event]:
    """Return the CUDA libraries that are themselves not found, not those that lack something else."""
    return [event for event in log.all("library.missing") if not lacks_another(event)]


def lacks_another(event: Event) -> bool:
    """Say whether the loader's error names another file: `libcusolver.so.11` is there, `libnvJitLink.so.12` is not."""
    wanted, named = event["library"].lower(), event["file"].rpartition("/")[2].lower()
    return ".so" in named and wanted != named and "cannot open" in event["error"]


def works_in_the_end(log: Log) -> bool:
    """Say whether a GPU was used after all: then nothing that came before kept it from being used."""
    created = log.all("gpu.created")
    return bool(created) and created[-1].at > max((event.at for event in log.all("cuinit.failed")), default=-1)


def has_no_gpu(log: Log) -> bool:
    """Say whether this is most likely a machine without a GPU, on which all of these lines are harmless.

    TensorFlow tries CUDA's runtime on every machine. Where neither that nor the driver is there, and nothing in the log
    speaks of a GPU, nobody expects one. A loader that goes on to the other libraries has seen a GPU.
    """
    without_runtime = any(_RUNTIME.match(event["library"]) for event in missing_libraries(log))
    others = any(not _RUNTIME.match(event["library"]) for event in log.all("library.missing"))
    driver_opened = any(name in _OTHER_LIBRARIES for name in log.names("library", "library.opened"))
    expected = log.has(*_SIGNS_OF_A_GPU)
    return (without_runtime or log.has("library.no-cuda-drivers")) and not (others or driver_opened or expected)


def driver_matters(log: Log) -> bool:
    """Say whether a driver that does not work is a failure: not where no GPU is, nor where one was used after all."""
    return not has_no_gpu(log) and not works_in_the_end(log)


def lacks_libraries(log: Log) -> bool:
    """Say whether missing CUDA libraries are in the way of a GPU that is there."""
    return bool(missing_libraries(log)) and driver_matters(log)


def lacks_only_the_runtime(log: Log) -> bool:
    """Say whether of all CUDA libraries only the runtime is missing, which every machine without a GPU lacks too."""
    names = [event["library"] for event in missing_libraries(log)]
    return all(map(_RUNTIME.match, names)) and not log.has("library.some-missing", "gpu.seen")


def cuinit_says(log: Log, meaning: str) -> bool:
    """Say whether starting the driver failed with the number that means this."""
    return any(NUMBERS.get(event["number"] or event["result"]) == meaning for event in log.all("cuinit.failed"))


def driver_versions_differ(log: Log) -> bool:
    """Compare what the kernel and the library say, which TensorFlow prints in two lines; 470.57.2 is 470.57.02."""
    kernel, library = (log.first(f"driver.{which}-version") for which in ("kernel", "library"))
    return kernel is not None and library is not None and _numbers(kernel) != _numbers(library)


def newer_than_built(log: Log) -> bool:
    """Say whether a cuDNN was found that is newer than the framework, of the same major version: that is no failure."""
    versions = [(event["found"], event["built"]) for event in log.all("library.cudnn-version")]
    return all(found and built and _cudnn(found) >= _cudnn(built) for found, built in versions)


def trains_afterwards(log: Log) -> bool:
    """Say whether a training goes on after the last sign of full memory: TensorFlow tries less and less at first."""
    last = max((event.at for event in log.all("memory.gpu")), default=0)
    rest = log.text[last:]
    return bool(_PROGRESS.search(rest)) and not re.search(r"Traceback|OOM when|Error\b", rest.partition("\n")[2])


def progresses(log: Log, start: int = 0) -> bool:
    """Say whether the log shows steps of a training behind this place."""
    return first_step(log, start) is not None


def first_step(log: Log, start: int = 0) -> int | None:
    """Return where the first step of a training is shown behind this place."""
    found = _PROGRESS.search(log.text, start)
    return found.start() if found else None


def nothing_else(log: Log) -> bool:
    """Say whether nothing narrower is wrong in the log, and no training goes on in it."""
    return nothing_narrower(log) and not progresses(log)


def unsettled(log: Log, *kinds: str) -> bool:
    """Say whether no installer reports success after the last of these events: pip tries again, conda solves again."""
    return _INSTALLED.search(log.text, max((event.at for event in log.all(*kinds)), default=0)) is None


def _numbers(event: Event) -> tuple[int, ...]:
    numbers = [int(number) for number in event["version"].split(".") if number]
    return (*numbers, 0, 0, 0)[:3]


def _cudnn(version: str) -> tuple[int, ...]:
    """Read `8.1.0`, `7201` (7.2.1) and `90300` (9.3.0) alike; only major and minor count."""
    if version.isdigit() and len(version) >= 4:
        number = int(version)
        return (number // 10000, number // 100 % 100) if number >= 90000 else (number // 1000, number // 100 % 10)
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def cudnn_wants_newer_driver(log: Log) -> bool:
    """Say whether cuDNN did not start although most of the memory was free, and the driver was named as a reason.

    Sample: `Memory usage: 42069065728 bytes free, 42505273344 bytes total.`
    """
    usage = _MEMORY_USAGE.search(log.text)
    return usage is not None and int(usage[1]) > 0.5 * int(usage[2]) and "NOT_INITIALIZED" in log.text


def only_cusolver_10(log: Log) -> bool:
    """Say whether of all CUDA libraries only cuSOLVER 10 is missing: then CUDA is there, and newer than 11.0."""
    names = {event["library"].lower() for event in missing_libraries(log)}
    return bool(names) and names <= {"libcusolver.so.10", "cusolver64_10.dll"}


def nothing_narrower(log: Log) -> bool:
    """Say whether nothing in the log is a known failure: only an error's name, and what tells about the machine."""
    return all(event.kind in _NOT_NARROWER for event in log.events)
