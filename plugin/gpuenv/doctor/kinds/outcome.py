"""What shows that there is no GPU where no error does: answers to questions, builds without CUDA, lists of packages."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

# What stands before an answer in IPython, and the lines that TensorFlow logs between a question and its answer.
_ANSWER = r"(?:Out ?\[\d+\]: ?)?"
_LOGGED = r"(?:(?:\d{4}-|[IWE]\d{4}|To enable|WARNING|Skipping|Instructions)[^\n]*\n){0,12}"

OUTCOME_KINDS = (
    # The framework itself says of what build it is.
    Kind(
        "build.says-no-cuda",
        (
            r"built[ _-]with[ _-](?:cuda|gpu(?:[ _-]support)?)\W{0,12}(?:Out ?\[\d+\]: ?)?False\b",
            # One question in a line: with two of them, the answers would have to be told apart.
            rf"(?:^|\n)(?:(?!is_)[^\n])*is_built_with_(?:cuda|gpu_support)\(\)(?:(?!is_)[^\n])*\n{_LOGGED}{_ANSWER}"
            r"(?:(?!True|>>>)[^\n]){0,60}?\bFalse\b",
            rf"built_with_cuda\(\), [^\n]*\n{_LOGGED}{_ANSWER}\(?False\b",
            r"'?is_cuda_build'?\W{1,4}False\b",
            r"is_compiled_with_cuda\(\)\)?\s+False",
            r"CUDA used to build PyTorch: None",
            rf"torch\.version\.cuda\W[^\n]*\n{_ANSWER}[^\n]{{0,60}}\bNone\b",
            r"(?:GPU|CUDA) Tree Learner was not enabled in this build",
            r"module 'faiss' has no attribute '(?:StandardGpuResources|GpuIndex\w+|index_cpu_to_\w*gpu\w*)'",
            r"Could not run 'torchvision::\w+' with arguments from the 'CUDA' backend",
            r"Device API (?:cuda|gpu) is not enabled\. Please install the cuda version",
            r"Compile with USE_CUDA=1 to enable GPU usage",
            r"no usable GPU found, --\S+ option will be ignored",
            rf"get_available_providers\(\)[^\n]*\n{_ANSWER}\['(?:AzureExecutionProvider', ')?CPUExecutionProvider'\]",
        ),
    ),
    # A package whose name or label says that it is for the processor; many are wanted so.
    Kind(
        "build.cpu-package",
        (
            r"\b(?P<package>(?:torch|pytorch)[\w.: ]{0,20}[=\s:' ]\W?\d+\.\d[\w.]*\+cpu)\b",
            r"(?<![\w.])(?P<package>\d+\.\d[\w.]*\+cpu)\b",
            r"(?:^|\n)(?P<package>(?:tensorflow|tensorflow-base|pytorch|jaxlib|onnxruntime|libtorch) +\d\S* +"
            r"(?:[\w.]+_)?(?:cpu|eigen|mkl)_\w+)",
            r"\b(?P<package>(?:tensorflow|tensorflow-base|pytorch|jaxlib)[=-]\d[\w.]*[=-](?:[\w.]+_)?(?:cpu|eigen|mkl)_\w+)",
            r"\n(?P<package>tensorflow[-_]cpu(?:-aws)? +\d\S*)",
            r"\n(?P<package>cpuonly +\d\S*)",
            r"\bbuild variant:\s*(?P<package>cpu)\b",
            r"LLM libraries \W{0,2}(?P<package>cpu\w*(?:,? cpu\w*)*)\]",
        ),
    ),
    # `tensorflow` had no CUDA before 1.15, in 2.0, and again in 1.15.2 to 1.15.5: `tensorflow-gpu` had it.
    Kind(
        "build.cpu-release",
        (
            r"(?<![\w-])(?P<package>tensorflow(?:==?| +\(?)(?:0\.\d+|1\.(?:\d|1[0-4])|1\.15(?=\.[2-5])|2\.0)\.\d+)\b"
            r"(?! +(?:gpu_|cuda))",
        ),
    ),
    Kind(
        "build.jax-on-cpu",
        (r"No GPU/TPU found, falling back to CPU", r"\[(?:Cpu|TFRT_CPU_|Tfrt_?Cpu)\w*(?:\(id=)?0\)?\]"),
    ),
    # Somebody asked for GPUs, and there was none.
    Kind(
        "gpu.none-listed",
        (
            r"Num(?:ber of)? GPUs?(?: Available)?\s?[:=]?\s*0\b",
            rf"list_(?:physical|logical)_devices\(\W{{0,2}}GPU\W[^\n]*(?:\n[^\n]*){{0,6}}?\n{_ANSWER}\s*\[\]\s*(?:\n|$)",
            r"is_gpu_available\([^\n)]*\)[^\n]*(?:\n[^\n]*){0,4}?\n(?:Out ?\[\d+\]:)?\s*False\b",
            r"(?:^|\n)[^\n]{0,20}\bGPU(?:s|\(s\)| devices?)?(?: (?:available|found|detected|list))?\s?[:=]\s?\[\]",
            r"\bGPU(?: is)?(?: available)?\W{1,3}(?:NOT AVAILABLE\b|False\b(?!, used)|None\b)",
            r"Please install GPU version of TF|Default GPU Device:\s*(?:\n|$)",
            rf"gpu_device_name\(\)[^\n]*\n{_LOGGED}{_ANSWER}(?:''|\"\")",
            rf"cuda\.is_available\(\)[^\n]*\n{_LOGGED}{_ANSWER}[^\n]{{0,60}}?\bFalse\b",
            r"CUDA (?:is )?available\W{1,3}False\b|reports CUDA not available|Is CUDA available: False",
            r"Count of visible GPU: 0",
            r"device_type: \"CPU\"",
        ),
    ),
    Kind("gpu.only-cpu", (r"PhysicalDevice\(name='/physical_device:CPU:0'",)),
    Kind("gpu.empty-list", (r"(?:^|\n)(?:Out ?\[\d+\]: ?)?\[\][^\S\n]*(?=\n|$)",)),
)
