"""States in which TensorFlow is to train, most of them broken, and the cause that each one has; for measure_logs.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_NETWORK = """
import numpy as np
import tensorflow as tf
print(tf.__version__, tf.config.list_physical_devices('GPU'))
images = np.random.rand(2048, 28, 28, 1).astype('float32')
labels = np.random.randint(0, 10, 2048)
model = tf.keras.Sequential([
    tf.keras.layers.Conv2D(32, 3, activation='relu', input_shape=(28, 28, 1)),
    tf.keras.layers.MaxPooling2D(),
    tf.keras.layers.Flatten(),
    tf.keras.layers.Dense(64, activation='relu'),
    tf.keras.layers.Dense(10),
])
loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer='adam', loss=loss, metrics=['accuracy'])
model.fit(images, labels, epochs=2, batch_size=64, verbose=2)
"""
# What is run in a state, by the name of its file.
PROGRAMS: Mapping[str, str] = {
    "train.py": _NETWORK,
    "linear.py": """
import tensorflow as tf
print(tf.config.list_physical_devices('GPU'))
a = tf.random.normal((512, 512))
square = tf.matmul(a, a, transpose_b=True)
print('matmul', float(tf.reduce_sum(square)))
print('fft', float(tf.abs(tf.reduce_sum(tf.signal.fft(tf.complex(a, a))))))
print('svd', float(tf.reduce_sum(tf.linalg.svd(a, compute_uv=False))))
print('cholesky', float(tf.reduce_sum(tf.linalg.cholesky(square + 600.0 * tf.eye(512)))))
print('sparse', float(tf.reduce_sum(tf.sparse.sparse_dense_matmul(tf.sparse.from_dense(a * a), a))))
""",
    "xla.py": """
import tensorflow as tf
print(tf.config.list_physical_devices('GPU'))
@tf.function(jit_compile=True)
def step(a):
    return tf.reduce_sum(tf.exp(tf.sin(a)) + tf.math.lgamma(a * a + 1.0)) + tf.reduce_sum(tf.matmul(a, a))
print(float(step(tf.random.normal((256, 256)))))
""",
    "lstm.py": """
import numpy as np
import tensorflow as tf
print(tf.config.list_physical_devices('GPU'))
model = tf.keras.Sequential([tf.keras.layers.LSTM(64, input_shape=(40, 16)), tf.keras.layers.Dense(1)])
model.compile(optimizer='adam', loss='mse')
model.fit(np.random.rand(512, 40, 16), np.random.rand(512, 1), epochs=1, verbose=2)
""",
    "mirrored.py": """
import numpy as np
import tensorflow as tf
print(tf.config.list_physical_devices('GPU'))
strategy = tf.distribute.MirroredStrategy()
with strategy.scope():
    model = tf.keras.Sequential([tf.keras.layers.Dense(256, input_shape=(64,)), tf.keras.layers.Dense(1)])
    model.compile(optimizer='adam', loss='mse')
model.fit(np.random.rand(4096, 64), np.random.rand(4096, 1), epochs=2, batch_size=256, verbose=2)
""",
    "big.py": """
import numpy as np
import tensorflow as tf
layers = [tf.keras.layers.Conv2D(4096, 3, padding='same', input_shape=(512, 512, 3)),
          tf.keras.layers.GlobalAveragePooling2D(), tf.keras.layers.Dense(1)]
model = tf.keras.Sequential(layers)
model.compile(optimizer='adam', loss='mse')
model.fit(np.zeros((64, 512, 512, 3), 'float32'), np.zeros((64, 1)), batch_size=64, verbose=2)
""",
    "late.py": """
import tensorflow as tf
print(tf.ones(3) + 1)
for gpu in tf.config.list_physical_devices('GPU'):
    tf.config.experimental.set_memory_growth(gpu, True)
""",
    "fork.py": """
import multiprocessing
import tensorflow as tf
def work(number):
    return float(tf.reduce_sum(tf.matmul(tf.ones((64, 64)), tf.ones((64, 64)))))
print(work(0), flush=True)
with multiprocessing.get_context('fork').Pool(2) as pool:
    print(pool.map(work, range(2)))
""",
    "py_function.py": """
import tensorflow as tf
@tf.function(jit_compile=True)
def add(a):
    return tf.py_function(lambda value: value + 1, [a], tf.float32)
print(add(tf.ones(3)))
""",
    "hold.py": """
import time
import tensorflow as tf
print(tf.random.normal((8, 8)).device, flush=True)
time.sleep(60)
""",
}


@dataclass(frozen=True)
class State:
    """A state of an environment and its process: what differs from a whole one, and the causes that are right for it.

    `remove` are patterns below site-packages whose files are taken away, `environ` variables that are set, `before` are
    shell commands that run first, in mounts of their own where `mounts` is set, `nobody` runs it as the user of that
    name. The causes hold if the program fails or gets no GPU; otherwise nothing is wrong.
    """

    name: str
    what: str
    causes: str
    program: str = "train.py"
    remove: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    mounts: bool = False
    nobody: bool = False
    holder: bool = False
    not_executable: str = ""

    @property
    def alone(self) -> bool:
        """Say whether the state takes the whole memory of the GPU, so that no other may run beside it."""
        return self.holder or self.environ.get("TF_FORCE_GPU_ALLOW_GROWTH") == "false"


_WHOLE_MEMORY: Mapping[str, str] = {"TF_FORCE_GPU_ALLOW_GROWTH": "false"}
_NO_TOOLKIT = "for it in /usr/local/cuda*; do mount -t tmpfs none $it; done; "
_NO_PATH: Mapping[str, str] = {"PATH": "/usr/bin:/bin"}
_LIBRARY = "loader.missing,loader.missing-dependency,loader.some-missing,loader.no-cuda"
_PART = "loader.cudnn-part,loader.missing,loader.cudnn-older"
_NO_ACCESS = (
    "mkdir -p /run/devices; mount -t tmpfs -o dev none /run/devices; for it in /dev/nvidia*; do [ -c $it ] && "
    "cp -a $it /run/devices/ && chmod 600 /run/devices/${it##*/} && mount --bind /run/devices/${it##*/} $it; done; "
)


def states() -> Iterator[State]:
    """Give all states, the whole ones first."""
    for program in ("train", "linear", "xla", "lstm", "mirrored"):
        yield State(program, f"nothing is wrong, {program}.py", "none", f"{program}.py")
    yield State("blocking", "CUDA_LAUNCH_BLOCKING=1", "none", environ={"CUDA_LAUNCH_BLOCKING": "1"})
    yield State("address-space", "ulimit -v 30000000", "memory.host-exhausted", before="ulimit -v 30000000; ")
    yield from _settings()
    yield from _programs()
    yield from _libraries()
    yield from _xla()
    yield from _driver()
    yield from _limits()


def _settings() -> Iterator[State]:
    for name, value in (("empty", ""), ("minus", "-1"), ("seven", "7"), ("uuid", "GPU-deadbeef")):
        yield State(
            f"hidden-{name}",
            f"CUDA_VISIBLE_DEVICES={value}",
            "driver.hidden,driver.no-device",
            environ={"CUDA_VISIBLE_DEVICES": value},
        )
    # From the log alone the first cannot be known; the driver's compiling shows in it.
    forced = "none,code.compiling,memory.handle,cudnn.not-started"
    yield State("force-ptx", "CUDA_FORCE_PTX_JIT=1", forced, environ={"CUDA_FORCE_PTX_JIT": "1"})
    no_jit = {"CUDA_DISABLE_PTX_JIT": "1", "CUDA_CACHE_PATH": "/nonexistent"}
    yield State("no-ptx", "CUDA_DISABLE_PTX_JIT=1", "code.jit-disabled", environ=no_jit)
    legacy = "python.keras-mismatch,python.module-missing"
    yield State("legacy-keras", "TF_USE_LEGACY_KERAS=1, no tf_keras", legacy, environ={"TF_USE_LEGACY_KERAS": "1"})


def _programs() -> Iterator[State]:
    yield State("late-growth", "memory growth set too late", "python.late-setting", "late.py", environ=_WHOLE_MEMORY)
    yield State("fork", "forked after the GPU was used", "python.fork", "fork.py")
    yield State("py-function", "py_function with jit_compile", "xla.unsupported-operation", "py_function.py")
    yield State("memory-batch", "a layer larger than the GPU", "memory.exhausted", "big.py", environ=_WHOLE_MEMORY)
    taken = "memory.exhausted,memory.handle,gpu.busy"
    yield State("memory-taken", "another process holds the memory", taken, environ=_WHOLE_MEMORY, holder=True)
    yield State("memory-taken-growth", "likewise, with memory growth", taken, holder=True)


def _libraries() -> Iterator[State]:
    # Those of cuDNN 8, then those of 9; only a recurrent network uses `adv`.
    old = ("ops_infer", "ops_train", "cnn_infer", "cnn_train", "adv_infer", "adv_train")
    new = ("graph", "ops", "cnn", "adv", "engines_precompiled", "engines_runtime_compiled", "heuristic")
    for part in (*old, *new):
        program = "lstm.py" if part.startswith("adv") else "train.py"
        files = (f"nvidia/cudnn/lib/libcudnn_{part}.so*",)
        yield State(f"no-cudnn-{part}", f"no libcudnn_{part}", _PART, program, files)
    yield State("no-cudnn", "no libcudnn", _LIBRARY, remove=("nvidia/cudnn/lib/libcudnn.so*",))
    for wheel, name in (
        ("cublas", "libcublas"),
        ("cuda_runtime", "libcudart"),
        ("cufft", "libcufft"),
        ("cusolver", "libcusolver"),
        ("cusparse", "libcusparse"),
        ("nccl", "libnccl"),
    ):
        program = "mirrored.py" if wheel == "nccl" else "linear.py"
        yield State(f"no-{name[3:]}", f"no {name}", _LIBRARY, program, (f"nvidia/{wheel}/lib/{name}.so*",))
    every = ("nvidia/*/lib/*",)
    yield State("no-wheels", "no CUDA library", _LIBRARY, remove=every, before=_NO_TOOLKIT, mounts=True)


def _xla() -> Iterator[State]:
    tools, libdevice = "nvidia/cuda_nvcc/bin/*", "nvidia/cuda_nvcc/nvvm/libdevice/*"
    missing = "xla.ptxas-missing,xla.compiles-nothing"
    for name, what, causes, remove in (
        ("no-ptxas", "no ptxas", missing, (tools,)),
        ("no-libdevice", "no libdevice", "xla.libdevice", (libdevice,)),
        ("no-nvcc", "neither ptxas nor libdevice", f"xla.libdevice,{missing}", (tools, libdevice)),
    ):
        yield State(name, what, causes, "xla.py", remove, _NO_PATH, _NO_TOOLKIT, mounts=True)
    nowhere = {"XLA_FLAGS": "--xla_gpu_cuda_data_dir=/opt/none"}
    yield State(
        "wrong-data-dir", "XLA_FLAGS names no CUDA", "xla.libdevice", "xla.py", (libdevice,), nowhere, _NO_TOOLKIT, True
    )
    yield State(
        "ptxas-not-executable",
        "ptxas is not executable",
        missing,
        "xla.py",
        environ=_NO_PATH,
        before=_NO_TOOLKIT,
        mounts=True,
        not_executable="nvidia/cuda_nvcc/bin/ptxas",
    )
    full = "mount -t tmpfs -o size=4k none /tmp; dd if=/dev/zero of=/tmp/full bs=4k count=1 2> /dev/null; "
    causes = "system.disk-full,xla.compiles-nothing"
    yield State("tmp-full", "/tmp is full", causes, "xla.py", before=full, mounts=True)


def _driver() -> Iterator[State]:
    stub = "ln -sf $(ls /usr/local/cuda*/lib64/stubs/libcuda.so | head -1) libcuda.so.1; export LD_LIBRARY_PATH=$PWD; "
    yield State("stub", "a stub of libcuda comes first", "driver.stub", before=f"mkdir -p stub; cd stub; {stub}cd ..; ")
    empty = "mkdir -p empty; : > empty/libcuda.so.1; export LD_LIBRARY_PATH=$PWD/empty; "
    yield State("empty-libcuda", "an empty libcuda comes first", "driver.not-loaded,loader.broken-file", before=empty)
    compat = "export LD_LIBRARY_PATH=$(ls -d /usr/local/cuda*/compat | head -1); "
    yield State("compat", "libcuda of a compat package", "driver.mismatch,driver.compat-package", before=compat)
    for device, cause in (("nvidia0", "no-device"), ("nvidiactl", "no-device"), ("nvidia-uvm", "cuinit")):
        null = f"mount --bind /dev/null /dev/{device}; "
        yield State(f"null-{device}", f"/dev/{device} is no device", f"driver.{cause}", before=null, mounts=True)
    allowed = "driver.no-device,driver.permission"
    yield State("no-access", "may not open /dev/nvidia*", allowed, before=_NO_ACCESS, mounts=True, nobody=True)


def _limits() -> Iterator[State]:
    few = "gpu.busy,system.open-files"
    yield State("open-files", "ulimit -n 40", few, before="ulimit -n 40; ")
    yield State("threads", "at most 40 processes", "system.threads", before="ulimit -u 40; ", nobody=True)
