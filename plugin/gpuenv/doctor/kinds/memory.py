"""Memory, and the handles of cuDNN and cuBLAS."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

MEMORY_KINDS = (
    Kind(
        "memory.host",
        (
            r"OOM when allocating tensor[^\n]*by allocator (?:mkl)?cpu",
            r"DefaultCPUAllocator: (?:can't allocate|not enough) memory",
            r"Unable to allocate [\d.]+ [KMGT]iB for an array",
            r"exit(?:ed with)? (?:code|status) 137",
            r"\b_?(?:Array)?MemoryError\b|std::bad_alloc",
            r"cannot fork\(\)[^\n]{0,40}: Cannot allocate memory",
            r"\[Errno 12\] Cannot allocate memory",
            # What a shell says of a process that the kernel ended: a line with that word, and at most a name.
            r"\n(?:\S+: line \d+: \d+ )?"
            r"(?:Killed|Get\S{1,2}tet|Processus arr\S{1,2}t\S{1,2}|Matado|Убито|已杀死|強制終了)"
            r"(?: +(?:python|srun|mpi|accelerate|torchrun)[^\n]*)?(?=\n|\s*$)",
            r"\bSignal 9 \(SIGKILL\) received|is killed by signal: Killed",
            r"zsh: killed\b|\btask \d+: (?:Out Of Memory|Killed)\b",
            r"\boom[-_]kill|\bOOMKilled\b|Out of memory: Kill(?:ed)? process|signal 9: SIGKILL",
            r"failed to alloc\w* \d+ bytes on host",
            r"'?(?:cicc|ptxas|cudafe\+\+)'? died due to signal 9|Killed signal terminated program",
        ),
    ),
    Kind(
        "memory.gpu",
        (
            r"OOM when allocating tensor(?![^\n]*by allocator (?:mkl)?cpu)",
            r"CUDA_ERROR_OUT_OF_MEMORY",
            r"Dst tensor is not initialized",
            r"ResourceExhaustedError\b",
            r"CUDA out of memory|\bOutOfMemoryError\b",
            r"RESOURCE_EXHAUSTED: (?:Out of memory|Failed to allocate|OOM)",
            r"cudaErrorMemoryAllocation",
            r"CUDA error: out of memory",
            r"cudaError_t 2 : \W?out of memory|(?:cuda|GPU) ?assert: ?out of memory",
            # ollama: not one layer of the model goes onto the GPU.
            r"insufficient VRAM to load any model layers",
            r"offload to (?:gpu|cuda)\W{1,3}layers\.requested=-1 (?:layers\.model=\d+ )?layers\.(?:real|offload)=0\b",
            r"Error 2: out of memory",
            r"Status: out of memory",
            r"failed to allocate [\d.]+\w? \(\d+ bytes\) from device",
            r"cuda runtime error \(2\) : out of memory|cudaMalloc failed: out of memory|CUDA failure 2: out of memory",
            r"Cuda failure (?:2 )?'out of memory'",
            # The allocator prints what it holds where it could not give what was asked for.
            r"failed to allocate memory \[Op:|unable to allocate output tensor",
            r"Sum Total of in-use chunks",
            r"bfc_allocator\.cc:\d+\] [*_x]{20,}",
            r"Failed to allocate request for [\d.]+\w+ \(\d+B\) on device ordinal",
            r"Failed to allocate memory for requested buffer of size \d+",
            r"NvMapMemAllocInternalTagged: \d+ error 12",
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
            r"operation \w+\([^\n]{0,60}failed: cu\w+ internal error",
            r"failed to create cu(?:solver|sparse|fft)\w* (?:handle|instance|plan)",
            r"failed to create cublas handle: (?P<status>cublas error)",
            r"Failure to initialize cublas may be due to OOM",
            r"(?P<status>(?<!cuFFT\serror:\s)CUFFT_(?:INTERNAL_ERROR|ALLOC_FAILED|SETUP_FAILED))",
            r"(?:cuSolver|cuBLAS|cuSPARSE) has not been initialized",
            r"cuSolver(?:DN)? call failed with status",
            r"gpusolverDnCreate\(&handle\) failed",
        ),
    ),
    # The status alone, as in a title or a sentence: see the rule for when it counts.
    Kind(
        "memory.handle-status",
        (r"(?P<status>CU(?:DNN|BLAS|SOLVER)_STATUS_(?:NOT_INITIALIZED|ALLOC_FAILED|INTERNAL_ERROR))",),
    ),
    Kind(
        "memory.blas",
        (
            r"Blas \w+ launch failed",
            r"Attempting to perform BLAS operation using StreamExecutor without BLAS",
            r"failed to run cuBLAS routine",
        ),
    ),
    Kind(
        "cudnn.not-started",
        (
            r"This is probably because cuDNN failed to initialize",
            r"No algorithm worked!",
            r"Fail(?:ed)? to find the dnn implementation",
            r"\bcuDNN[\w ]{0,30} launch failure",
            r"Failed to call ThenRnn(?:Forward|Backward)",
            r"DNN library (?:initialization failed|is not found)",
            r"Failed to determine best cudnn convolution algorithm",
            r"Unable to find an engine to execute this computation|GET was unable to find an engine",
            r"Check failed: stream->parent\(\)->GetConvolveAlgorithms",
            r"Autotuner could not find any supported configs for HLO: %?cudnn",
        ),
    ),
)
