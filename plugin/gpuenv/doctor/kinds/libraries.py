"""Libraries: missing, opened, of the wrong version, mixed, damaged."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

# Libraries of CUDA and cuDNN on Linux and Windows; the driver's own have a name apart.
_CUDA = r"(?:lib)?(?:cudart|cublas|cublasLt|cufft|curand|cusolver|cusparse|cudnn|nvrtc|nccl|nvjitlink)"
_LIBRARY = rf"{_CUDA}[\w-]*(?:\.so[.\d]*\d|\.so|\.dll)"
_DRIVER_LIBRARY = r"(?:libcuda\.so(?:\.1)?|nvcuda\.dll)"
_PART = (
    r"(?:lib)?cudnn_(?:ops|cnn|adv|graph|engines\w*|heuristic)(?:_infer|_train)?"
    r"(?:\.so(?:\.\d+)*|64_\d+\.dll)"
)

LIBRARY_KINDS = (
    Kind(
        "library.missing",
        (
            rf"Could not (?:load dynamic|dlopen) library '(?P<library>{_LIBRARY})'"
            r"(?:; dlerror: (?P<error>(?P<file>[^\s:;']+)[^;\n]{0,200}))?",
            rf"Couldn't open CUDA library (?P<library>{_LIBRARY})",
            rf"with error: (?P<library>{_LIBRARY}): cannot open shared object file",
            rf"(?<!dlerror:\s)(?<!Error:\s)\b(?P<library>{_LIBRARY}): cannot open shared object file",
            r"failed to find (?P<library>libcudnn)(?: library)? in the system",
            # Every cuDNN has this function, so that there is none.
            r"could not find (?P<library>cudnn)Create in cudnn DSO",
            r"nvrtc: error: failed to open (?P<library>[\w./\\-]*nvrtc-builtins[\w.-]*)",
            rf"which depends on \"(?P<library>{_LIBRARY})\" which is missing",
            r"(?P<library>cu(?:SPARSE|SOLVER|BLAS|FFT|PTI|DNN)\w*) library was not found",
            rf"Library (?P<library>{_LIBRARY}) is not found or cannot be loaded",
            r"(?:failed to initialize:|initialize backend 'cuda':)[^\n]{0,80}Unable to load (?P<library>cu\w+)",
        ),
    ),
    Kind(
        "library.import",
        (
            rf"(?:Import|OS)Error: (?P<library>{_LIBRARY}): cannot open shared object file",
            rf"Could not find '(?P<library>{_LIBRARY})'. TensorFlow requires",
            rf"error while loading shared libraries: (?P<library>{_LIBRARY})",
        ),
    ),
    Kind(
        "library.cupti",
        (r"(?:Couldn't open CUDA|Could not load dynamic) library '?(?P<library>(?:lib)?cupti[\w.-]*\w)",),
    ),
    Kind("library.opened", (r"Successfully opened (?:dynamic|CUDA) library (?P<library>\S+)",)),
    Kind(
        "library.driver-missing",
        (
            rf"Could not (?:load dynamic|dlopen) library '(?P<library>{_DRIVER_LIBRARY})'",
            r"(?P<library>libcuda\.so\.1|libnvidia-ml\.so\.1): cannot open shared object file",
            r"Couldn't open CUDA library (?P<library>libcuda\.so\S*?)\. LD_LIBRARY_PATH",
            r"Found no NVIDIA driver on your system",
            r"CUDA driver library cannot be found",
            r"NVML Shared Library Not Found|NVMLError_LibraryNotFound|NVML: ERROR_LIBRARY_NOT_FOUND",
            r"could not load NVML library|couldn't find libnvidia-ml|Unable to load (?P<library>libcuda\.so\S*)",
        ),
    ),
    Kind(
        "library.no-cuda-drivers",
        (r"Could not find cuda drivers on your machine", r"Error loading CUDA libraries\. GPU will not be used"),
    ),
    Kind(
        "library.some-missing",
        (
            r"Cannot dlopen some GPU libraries",
            r"Unable to load cuDNN DSO",
            r"cudaGetErrorString symbol not found",
            r"Failed to create CUDAExecutionProvider",
            r"Exception when calling jax_plugins\.xla_cuda\w*\.initialize",
            r"CUDA wasn't able to be loaded",
            r"error 126 [^\n]{0,80}onnxruntime_providers_cuda",
        ),
    ),
    Kind(
        "library.part-missing",
        (
            rf"Could not (?:load library|locate) (?P<library>{_PART})(?:\W+Error code (?P<code>\d+))?",
            rf"Unable to load any of \{{(?P<library>{_PART})",
            rf"ImportError: (?P<library>{_PART}): cannot open",
            r"(?P<library>CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED)",
        ),
    ),
    # TensorRT that a program needs: without it TensorFlow ends the process there.
    Kind(
        "library.tensorrt",
        (
            r"Could not load dynamic library 'libnvinfer[\w.]*'; dlerror: (?P<file>lib[\w.-]+): cannot open shared"
            r"(?:[^\n]*\n){1,6}?[^\n]*getInferLibVersion symbol not found",
        ),
    ),
    # What cuDNN itself opens and says, or Windows for it: cuBLAS of the CUDA that it was made for.
    Kind(
        "library.cudnn-cuda",
        (r"Could not (?:load library|locate) (?P<library>(?:lib)?cublas\w*(?:\.so\.\d+|64_\d+\.dll))",),
    ),
    Kind(
        "library.wsl", (r"Could not load library (?P<library>libcudnn_\w+\.so\.\d+)\. Error: libcuda\.so: cannot open",)
    ),
    Kind(
        "library.zlibwapi",
        (
            r"Could not (?:locate|load)(?: library)? zlibwapi\.dll",
            r"zlibwapi\.dll\W{0,3}(?:(?:was|is) )?(?:not found|missing|找不到)",
            r"(?:找不到|缺少|由于找不到) ?zlibwapi\.dll",
        ),
    ),
    Kind(
        "library.cudnn-version",
        (
            r"Loaded (?:runtime )?CuDNN library:? (?P<found>[\d.]*\d)(?: \(compatibility version \d+\))?"
            r" but source was compiled (?:with|against):? (?P<built>[\d.]*\d)",
            r"compiled against \((?P<built>\d+(?:, \d+)+)\) but found runtime version \((?P<found>\d+(?:, \d+)+)\)",
            r"Found cuDNN version (?P<found>\d+), but JAX was built against version (?P<built>\d+)",
            r"Outdated cuDNN installation found.{0,40}built against: (?P<built>\d+).{0,80}Installed version: (?P<f"
            r"ound>\d+)",
        ),
    ),
    # TensorFlow up to 1.4 compares both numbers and takes no newer one.
    Kind(
        "library.cudnn-exact",
        (
            r"\(compatibility version (?P<found>\d+)\) but source was compiled with \d+ \(compatibility version "
            r"(?!(?P=found)\))(?P<built>\d+)\)",
        ),
    ),
    Kind(
        "library.cudnn-mixed",
        (
            r"CUDNN_STATUS_(?:SUBLIBRARY_)?VERSION_MISMATCH",
            # Their numbers in cuDNN 9 and 8.
            r"== CUDNN_STATUS_SUCCESS \((?:1002|14) vs\. 0\)",
            r"could not find (?!cudnnCreate )cudnn\w+ in cudnn DSO",
            r"cuDNN's part '\S+' is of another version",
        ),
    ),
    Kind(
        "library.cuda-version",
        (
            r"Found (?P<library>cu(?!DNN)\w+) version (?P<found>\d+), but JAX was built against version (?P<built>\d+)",
            r"Outdated (?P<library>cu(?!DNN)\w+) installation found",
        ),
    ),
    Kind(
        "library.mixed",
        (
            r"(?<!tensorflow\.so:\s)(?<!_internal\.so:\s)undefined symbol: "
            r"(?P<symbol>(?:__nvJitLink|cublas|cusparse|cusolver|cudnn|nccl|cufft|curand|nvrtc|cuda(?=[A-Z]))\w*)",
            r"undefined symbol: (?P<symbol>\w+), version lib(?:cu(?!da\.)|nv(?!idia))\w+",
            r"version '(?P<symbol>lib(?:cu(?!da\.)|nv(?!idia))\w+\.so[.\d]*)' not found",
            r"symbol (?P<symbol>\w*(?:cublasLt|nvJitLink|gemm_select)\w*),? version \S+ not defined in file",
            r"symbol (?P<symbol>\w*cublasLt\w*)[^\n]{0,80} not defined in file",
        ),
    ),
    Kind(
        "library.broken",
        (
            r"(?P<library>\S*lib(?:cu|nv)\w+\.so[.\d]*): (?P<why>file too short|invalid ELF header|wrong ELF class"
            r"|failed to map s"
            r"egment)",
        ),
    ),
)
