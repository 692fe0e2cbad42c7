"""The kinds of events that logs show, with the wordings of TensorFlow 1 and 2, Keras, JAX, PyTorch, CUDA and docker.

The wordings were read in the programs' own sources and in the reports of tests/data/logs, November 2026.
"""

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
            r"failed to find (?P<library>libcudnn)(?: library)? in the system",
            rf"which depends on \"(?P<library>{_LIBRARY})\" which is missing",
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
    Kind("library.opened", (r"Successfully opened (?:dynamic|CUDA) library (?P<library>\S+)",)),
    Kind(
        "library.driver-missing",
        (
            rf"Could not (?:load dynamic|dlopen) library '(?P<library>{_DRIVER_LIBRARY})'",
            r"(?P<library>libcuda\.so\.1|libnvidia-ml\.so\.1): cannot open shared object file",
            r"Couldn't open CUDA library (?P<library>libcuda\.so\S*?)\. LD_LIBRARY_PATH",
            r"Found no NVIDIA driver on your system",
        ),
    ),
    Kind("library.no-cuda-drivers", (r"Could not find cuda drivers on your machine",)),
    Kind("library.some-missing", (r"Cannot dlopen some GPU libraries", r"Unable to load cuDNN DSO")),
    Kind(
        "library.part-missing",
        (
            rf"Could not (?:load library|locate) (?P<library>{_PART})(?:\W+Error code (?P<code>\d+))?",
            rf"Unable to load any of \{{(?P<library>{_PART})",
            rf"ImportError: (?P<library>{_PART}): cannot open",
        ),
    ),
    Kind(
        "library.wsl", (r"Could not load library (?P<library>libcudnn_\w+\.so\.\d+)\. Error: libcuda\.so: cannot open",)
    ),
    Kind("library.zlibwapi", (r"Could not locate zlibwapi\.dll", r"zlibwapi\.dll (?:was )?not found")),
    Kind(
        "library.cudnn-version",
        (
            r"Loaded (?:runtime )?CuDNN library:? (?P<found>[\d.]*\d)(?: \(compatibility version \d+\))?"
            r" but source was compiled (?:with|against):? (?P<built>[\d.]*\d)",
            r"compiled against \((?P<built>\d+(?:, \d+)+)\) but found runtime version \((?P<found>\d+(?:, \d+)+)\)",
            r"Found cuDNN version (?P<found>\d+), but JAX was built against version (?P<built>\d+)",
            r"Outdated cuDNN installation found.{0,40}built against: (?P<built>\d+).{0,80}Installed version: (?P<f"
            r"ound>\d+)",
            r"CUDNN_STATUS_(?:SUBLIBRARY_)?VERSION_MISMATCH",
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
            r"undefined symbol: (?P<symbol>(?:__nvJitLink|cublas|cusparse|cusolver|cudnn|nccl|cufft)\w*)",
            r"symbol (?P<symbol>\w*(?:cublasLt|nvJitLink|gemm_select)\w*),? version \S+ not defined in file",
            r"symbol (?P<symbol>\w*cublasLt\w*)[^\n]{0,80} not defined in file",
        ),
    ),
    Kind(
        "library.broken",
        (
            r"(?P<library>\S*lib(?:cu|nv)\w+\.so[.\d]*): (?P<why>file too short|invalid ELF header|failed to map s"
            r"egment)",
        ),
    ),
)
DRIVER_KINDS = (
    Kind(
        "cuinit.failed",
        (
            r"failed call to cuInit: (?P<error>CUDA_ERROR_\w+|UNKNOWN ERROR \((?P<number>-?\d+)\)|CUresult\((?P<re"
            r"sult>-?\d+)\))",
            r"failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: "
            r"(?P<error>CUDA_ERROR_\w+|UNKNOWN ERROR \((?P<number>-?\d+)\))",
            r"cudaGetDeviceCount\(\)[^\n]{0,160}Error (?P<number>\d+): (?P<error>[^\n(]+)",
            r"cuInit(?:\(0\))? (?:failed|returned|error)\W+(?P<error>CUDA_ERROR_\w+|(?P<number>\d+)|unknown error)",
            r"(?P<error>CUDA unknown error) - this may be due to an incorrectly set up environment",
            r"no supported devices found for platform (?P<error>CUDA)",
        ),
    ),
    Kind(
        "driver.mismatch",
        (
            r"kernel version (?P<kernel>[\d.]*\d) does not match DSO version (?P<library>[\d.]*\d)",
            r"Driver/library version mismatch",
            r"CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
            r"system has unsupported display driver / cuda driver combination",
        ),
    ),
    Kind("driver.kernel-version", (r"kernel reported version is: (?P<version>[\d.]*\d)",)),
    Kind("driver.library-version", (r"libcuda reported version is: (?P<version>[\d.]*\d)",)),
    Kind(
        "driver.compat",
        (r"CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE", r"forward compatibility was attempted on non supported HW"),
    ),
    Kind(
        "driver.too-old",
        (
            r"CUDA driver version is insufficient for CUDA runtime version",
            r"The NVIDIA driver on your system is too old",
            r"requirement error: unsatisfied condition: (?:cuda|driver)\s?[><=]+\s?(?P<needed>[\d.]+)",
            r"cudaErrorInsufficientDriver",
        ),
    ),
    Kind(
        "driver.ptx",
        (r"CUDA_ERROR_UNSUPPORTED_PTX_VERSION", r"the provided PTX was compiled with an unsupported toolchain"),
    ),
    Kind(
        "driver.stub",
        (r"CUDA driver is a stub library", r"cudaErrorStubLibrary", r"CUDA_ERROR_STUB_LIBRARY"),
    ),
    Kind(
        "driver.no-module",
        (
            r"kernel driver does not appear to be (?:running|installed) on this host",
            r"couldn't communicate with the NVIDIA driver",
            r"nvml error: driver not loaded",
            r"Failed to initialize NVML: (?:Driver Not Loaded|N/A)",
        ),
    ),
    Kind("driver.no-node", (r"no NVIDIA GPU device is present: /dev/nvidia\d+ does not exist",)),
    Kind(
        "driver.no-device",
        (
            r"CUDA_ERROR_NO_DEVICE",
            r"no CUDA-capable device is detected",
            r"No CUDA GPUs are available",
            r"nvidia-smi\s+No devices were found",
        ),
    ),
    Kind("driver.hidden", (r"CUDA_VISIBLE_DEVICES\W{0,4}\s?(?:=|to|,)\s?(?:\"\"|''|\"?'?-1\b)",)),
    Kind("driver.fabric", (r"Error 802: system not yet initialized", r"CUDA_ERROR_SYSTEM_NOT_READY")),
    Kind(
        "container.no-gpu",
        (
            r"could not select device driver \"?'?\w*\"?'? with capabilities: \[\[\W?\w*\W?\s?\W?gpu",
            r"nvidia-container-cli: (?!requirement)\w+ error: (?P<error>[^\n]{0,120})",
            r"Unknown runtime specified nvidia|unknown or invalid runtime name: nvidia",
            r"nvidia-container-runtime\W[^\n]{0,40}(?:not found|no such file)",
            r"unresolvable CDI devices nvidia\.com/gpu",
        ),
    ),
    Kind("container.lost-gpu", (r"Failed to initialize NVML: Unknown Error",)),
)
CODE_KINDS = (
    Kind(
        "code.too-old",
        (
            r"Ignoring (?:visible )?gpu device [^\n]*?(?:\n[^\n]*?)?compute capability (?P<found>\d+\.\d+)\. "
            r"The minimum required (?:Cuda|CUDA) capability is (?P<least>\d+\.\d+)",
            r"Found GPU\d+ (?P<name>[^\n]+?) which is of cuda capability (?P<found>\d+\.\d+)\. PyTorch no longer s"
            r"upports",
            r"CUDNN_STATUS_ARCH_MISMATCH",
        ),
    ),
    Kind("code.operation", (r"Failed to load in-memory CUBIN: CUDA_ERROR_NO_BINARY_FOR_GPU",)),
    Kind(
        "code.none",
        (
            r"no kernel image is available for execution on the device",
            r"device kernel image is invalid",
            r"CUDA_ERROR_NO_BINARY_FOR_GPU",
            r"with CUDA capability (?P<gpu>sm_\d+a?) is not compatible with the current PyTorch installation",
            r"cudaErrorNoKernelImageForDevice",
        ),
    ),
    Kind(
        "code.bad-ptx",
        (r"CUDA_ERROR_INVALID_PTX", r"CUDA_ERROR_JIT_COMPILER_NOT_FOUND", r"a PTX JIT compilation failed"),
    ),
    Kind(
        "code.compiles",
        (r"was not built with CUDA kernel binaries compatible with compute capability (?P<gpu>\d+\.\d+)",),
    ),
    Kind("code.slow", (r"GPU check [^\n]*did not end within [\d.]+ s",)),
    Kind("code.invalid-handle", (r"cuLaunchKernel\([^\n]{0,200}failed with '?CUDA_ERROR_INVALID_HANDLE",)),
)
MEMORY_KINDS = (
    Kind(
        "memory.host",
        (
            r"OOM when allocating tensor[^\n]*by allocator (?:mkl)?cpu",
            r"DefaultCPUAllocator: (?:can't allocate|not enough) memory",
            r"Unable to allocate [\d.]+ [KMGT]iB for an array",
            r"exit(?:ed with)? (?:code|status) 137",
        ),
    ),
    Kind(
        "memory.gpu",
        (
            r"OOM when allocating tensor(?![^\n]*by allocator (?:mkl)?cpu)",
            r"CUDA_ERROR_OUT_OF_MEMORY",
            r"Dst tensor is not initialized",
            r"CUDA out of memory",
            r"RESOURCE_EXHAUSTED: (?:Out of memory|Failed to allocate|OOM)",
            r"cudaErrorMemoryAllocation",
            r"CUDA error: out of memory",
            r"Error 2: out of memory",
            r"failed to allocate [\d.]+\w? \(\d+ bytes\) from device",
        ),
    ),
    Kind(
        "memory.handle",
        (
            r"could not create cudnn handle: (?P<status>CUDNN_STATUS_\w+)",
            r"failed to create cublas handle: (?P<status>CUBLAS_STATUS_\w+|the CUDA Runtime initialization failed)",
            r"(?P<status>CUBLAS_STATUS_(?:ALLOC_FAILED|NOT_INITIALIZED)) when calling",
            r"(?:Error|cuDNN error): (?P<status>CU(?:DNN|BLAS|SOLVER|SPARSE)_STATUS_(?:NOT_INITIALIZED|ALLOC_FAILE"
            r"D|INTERNAL_ERROR))",
            r"failed to create cu(?:solver|sparse|fft)\w* (?:handle|instance|plan)",
            r"(?:cuSolver|cuBLAS|cuSPARSE) has not been initialized",
            r"gpusolverDnCreate\(&handle\) failed",
        ),
    ),
    Kind(
        "memory.blas",
        (r"Blas \w+ launch failed", r"Attempting to perform BLAS operation using StreamExecutor without BLAS"),
    ),
    Kind(
        "cudnn.not-started",
        (
            r"This is probably because cuDNN failed to initialize",
            r"No algorithm worked!",
            r"DNN library (?:initialization failed|is not found)",
            r"Unable to find an engine to execute this computation|GET was unable to find an engine",
            r"Check failed: stream->parent\(\)->GetConvolveAlgorithms",
        ),
    ),
    Kind(
        "gpu.crashed",
        (
            r"(?P<error>CUDA_ERROR_(?:ILLEGAL_ADDRESS|LAUNCH_FAILED|LAUNCH_TIMEOUT|ILLEGAL_INSTRUCTION|MISALIGNED_"
            r"ADDRESS|ECC_UNCORRECTABLE))",
            r"CUDA error: (?P<error>an illegal memory access was encountered|unspecified launch failure|misaligned"
            r" address)",
            r"(?P<error>the launch timed out and was terminated)",
            r"NVRM: Xid \([^\n]*\): (?P<error>\d+)",
            r"(?P<error>GPU has fallen off the bus|uncorrectable ECC error)",
        ),
    ),
    Kind("gpu.assert", (r"device-side assert triggered",)),
)
XLA_KINDS = (
    Kind(
        "xla.libdevice",
        (
            r"libdevice not found at",
            r"Can't find libdevice directory",
            r"libdevice\.10\.bc[^\n]*(?:not found|No such file)",
            r"libdevice is required by this HLO module but was not found",
        ),
    ),
    Kind(
        "xla.ptxas-old",
        (
            r"ptxas fatal\s*: Value '(?P<gpu>sm_\w+)' is not defined for option 'gpu-name'",
            r"ptxas too old",
            r"You are using ptxas (?P<version>[\d.]*\d), which is older than",
            r"ptxas fatal\s*: Unsupported \.version",
            r"nvcc fatal\s*: Unsupported gpu architecture '(?P<gpu>\w+)'",
        ),
    ),
    Kind(
        "xla.ptxas-missing",
        (r"could(?:n't| not) (?:get|invoke|find|run) (?:`?'?)ptxas", r"No PTX compilation provider"),
    ),
)
PYTHON_KINDS = (
    Kind(
        "python.protobuf-new",
        (
            r"Descriptors (?:cannot(?: not)?|should not) be created directly",
            r"module 'google\.protobuf[\w.]*' has no attribute '(?P<name>\w+)'",
        ),
    ),
    Kind(
        "python.protobuf-old",
        (
            r"cannot import name '?(?P<name>builder|runtime_version|service_reflection)'? from 'google\.protobuf",
            r"Detected (?:incompatible|mismatched) Protobuf Gencode/Runtime",
        ),
    ),
    Kind(
        "python.numpy-2",
        (
            r"A module that was compiled using NumPy 1\.x cannot be run in",
            r"_(?:ARRAY|UFUNC)_API not found",
            r"'np\.\w+_?' was removed in the NumPy 2\.0 release",
        ),
    ),
    Kind(
        "python.numpy-abi",
        (
            r"numpy\.(?P<type>dtype|ndarray|ufunc) size changed",
            r"module compiled against (?:API|ABI) version \w+ but this version of numpy is \w+",
            r"numpy\.core\.(?:multiarray|_multiarray_umath|umath) failed to import",
            r"Unable to convert function return value to a Python type! The signature was",
            r"module 'numpy(?:\.\w+)*' has no attribute '(?P<name>dtypes|exceptions|typing)'",
        ),
    ),
    Kind(
        "python.numpy-alias",
        (r"module 'numpy' has no attribute '(?P<name>object|bool|int|float|typeDict|complex|str|unicode|long)'",),
    ),
    Kind(
        "python.keras",
        (
            r"cannot import name '?dtensor'?",
            r"cannot import name '(?P<name>\w+)' from '(?:keras|tensorflow\.(?:keras|python)[\w.]*|tensorflow\.tsl"
            r"[\w.]*)",
            r"module '(?:keras|tensorflow\.(?:keras|compat|python)|tensorflow\._api\.v2)[\w.]*' has no attribute '"
            r"(?P<name>\w+)'",
            r"Another metric with the same name already exists",
            r"Keras requires TensorFlow [\d.]+ or higher",
            r"installed version of Keras is Keras 3, but this is not yet supported",
            r"No module named '(?P<name>keras\.(?:engine|api|src|saving|utils|layers|legacy|backend)[\w.]*|tensorf"
            r"low\.(?:keras|compat|python)[\w.]*|tf_keras)'",
        ),
    ),
    Kind(
        "python.tf1-code",
        (
            r"module 'tensorflow' has no attribute '(?P<name>placeholder|Session|ConfigProto|get_default_graph|contrib|"
            r"app|flags|global_variables_initializer|reset_default_graph|variable_scope|log|GPUOptions|logging|lay"
            r"ers)'",
            r"No module named '(?P<name>tensorflow\.contrib[\w.]*|tensorflow\.examples[\w.]*)'",
        ),
    ),
    Kind(
        "python.jax",
        (
            r"module '(?:jax|jaxlib|ml_dtypes)[\w.]*' has no attribute '(?P<name>\w+)'",
            r"jaxlib (?:version [\d.]+|is version [\d.]+,)[^\n]{0,60}(?:incompatible|requires|newer)",
            r"cannot import name '(?P<name>\w+)' from 'jax",
        ),
    ),
    Kind(
        "python.h5py",
        (r"attrs\['(?:keras_version|backend|weight_names|layer_names|model_config)'\]\.?[^\n]{0,20}decode[^\n]*\n?",),
    ),
    Kind("python.str-decode", (r"'str' object has no attribute 'decode'",)),
    Kind(
        "python.openmp",
        (r"OMP: Error #15: Initializing (?P<first>[\w.]+), but found (?P<second>[\w.]+)", r"OMP: Error #15"),
    ),
    Kind(
        "python.mkl",
        (r"undefined symbol: (?P<symbol>iJIT_NotifyEvent|mkl_\w+)", r"cannot load (?P<symbol>libmkl_\w+\.so\S*)"),
    ),
    Kind(
        "python.addon",
        (
            r"(?P<file>[\w./\\~+-]+\.so): undefined symbol: (?P<symbol>_Z\w*(?:3tsl|10tensorflow|15stream_executor"
            r"|3xla|2at|3c10|5torch|4absl)\w*)",
        ),
    ),
    Kind(
        "python.shadowed",
        (r"partially initialized module '(?P<module>\w+)' has no attribute[^\n]{0,80}circular import",),
    ),
    Kind(
        "python.module-missing",
        (
            r"ModuleNotFoundError: No module named '(?P<module>[\w.]+)'",
            r"^ImportError: No module named (?P<module>[\w.]+)",
        ),
    ),
    Kind("python.fork", (r"Cannot re-initialize CUDA in forked subprocess",)),
    Kind(
        "python.late-setting",
        (
            r"(?:Physical|Virtual) devices cannot be modified after being initialized",
            r"Memory growth cannot differ between GPU devices",
        ),
    ),
)
SYSTEM_KINDS = (
    Kind("system.glibc", (r"version '?(?P<version>GLIBC_[\d.]+)'? not found",)),
    Kind("system.libstdcxx", (r"version '?(?P<version>(?:GLIBCXX|CXXABI)_[\d.]+)'? not found",)),
    Kind(
        "system.vc-runtime",
        (r"Could not find the DLL\(s\) '(?P<library>msvcp140[^']*)'", r"Could not find '(?P<library>msvcp140\.dll)'"),
    ),
    Kind(
        "system.dll-load",
        (
            r"DLL load failed(?: while importing (?P<module>\w+))?: (?P<reason>[^\n]*)",
            r"(?P<reason>\[WinError (?:126|127|182|193|1114)\][^\n]{0,120})Error loading \"[^\"\n]*(?P<module>torch)",
            r"No module named '?(?P<module>_pywrap_tensorflow(?:_internal)?)'?",
        ),
    ),
    Kind(
        "system.paging-file",
        (r"The paging file is too small", r"Error code 1455\b", r"WinError 1455", r"页面文件太小"),
    ),
    Kind(
        "system.avx",
        (
            r"signal SIGILL",
            r"Illegal (?:hardware )?instruction",
            r"compiled to use AVX2? instructions, but these aren't available",
            r"exit(?:ed with)? (?:code|status) 132\b",
        ),
    ),
    Kind("system.windows-abort", (r"-1073740791", r"3221226505", r"0xC0000409")),
    Kind(
        "build.cpu-only",
        (
            r"Torch not compiled with CUDA enabled",
            r"CUDA-enabled jaxlib is not installed",
            r"TensorFlow GPU support is not available on native Windows",
            r"tf\.test\.is_built_with_cuda\(\)\)?\s+False",
            r"not (?:been )?built with (?:CUDA|GPU) support",
            r"torch(?:==|\s+)[\d.]+\+cpu\b",
        ),
    ),
    Kind(
        "install.no-wheel",
        (
            r"Could not find a version that satisfies the requirement (?P<package>(?:tensorflow|torch|jaxlib)[\w=<"
            r">.~\[\]+-]*)",
            r"No matching distribution found for (?P<package>(?:tensorflow|torch|jaxlib)[\w=<>.~\[\]+-]*)",
            r"(?P<package>(?:tensorflow|torch|jaxlib)\S*\.whl) is not a supported wheel on this platform",
        ),
    ),
    Kind(
        "install.tensorflow-gpu",
        (r"The \"?'?tensorflow-gpu\"?'? package has been removed", r"tensorflow-gpu has been removed"),
    ),
    Kind(
        "profiler.privileges",
        (r"CUPTI_ERROR_INSUFFICIENT_PRIVILEGES", r"CUPTI_ERROR_VIRTUALIZED_DEVICE_INSUFFICIENT_PRIVILEGES"),
    ),
    Kind(
        "gpu.not-registered",
        (
            r"only supports? (?:the )?NHWC(?: tensor format)?(?: on the CPU)?",
            r"Could not satisfy explicit device specification '?[\w/:]*(?:GPU|gpu)",
            r"unknown device[^\n]{0,80}GPU",
            r"Cannot assign a device (?:for operation|to node)[^\n]{0,200}GPU",
        ),
    ),
)
EVIDENCE_KINDS = (
    # A GPU is there, or someone expects one.
    Kind(
        "gpu.expected",
        (
            r"Found device \d+ with properties",
            r"Adding visible gpu devices?",
            r"\b(?:GeForce|Quadro|TITAN (?:X|V|RTX)|GTX\s?\d{3,4}|RTX\s?(?:A?\d{4})|Tesla [A-Z]\d+|(?:A|H|V|P|L|T)"
            r"(?:4|40|100)\b(?! MB))",
            r"NVIDIA-SMI [\d.]+",
            r"Num GPUs",
            r"GPU check \w+:",
            r"XLA_GPU",
            r"kernel reported version is",
            r"nvidia-docker|--gpus all|--gpus=all",
        ),
    ),
    Kind("gpu.xla-only", (r"physical_device:XLA_GPU:0|device:XLA_GPU:0",)),
    Kind(
        "gpu.created",
        (
            r"Created (?:TensorFlow )?device \(?/(?:job:\S+/)?device:GPU:\d+",
            r"Creating TensorFlow device \(?/(?:job:\S+/)?(?:device:)?gpu:\d+",
            r"(?:PhysicalDevice\(name='/physical_device:GPU:0'|\bCudaDevice\(id=0\)|\[cuda\(id=0\))",
        ),
    ),
)

KINDS = (
    *LIBRARY_KINDS,
    *DRIVER_KINDS,
    *CODE_KINDS,
    *MEMORY_KINDS,
    *XLA_KINDS,
    *PYTHON_KINDS,
    *SYSTEM_KINDS,
    *EVIDENCE_KINDS,
)
