"""The C library, the processor, Windows, builds and installers."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

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
            r"(?P<reason>\[?WinError (?:126|127|182|193|1114)\]?[^\n]{0,120})Error loading \"?[^\"\n]{0,200}(?P<mo"
            r"dule>torch)",
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
            r"\bSIGILL\b",
            r"Illegal (?:hardware )?instruction(?! was encountered)",
            r"compiled to use (?:SSE|AVX|FMA|F16C)[\w.]*(?: \w[\w.]*)* instructions, but these aren't available",
            r"exit(?:ed with)? (?:code|status) 132\b",
            r"trap invalid opcode",
            r"-1073741795|0xC000001D",
            r"Ungültiger Maschinenbefehl|Instruction non permise|Instrucción ilegal|非法指令|不正な命令",
            r"Недопустимая инструкция|Istruzione non consentita|Instrução ilegal|잘못된 명령어",
        ),
    ),
    Kind("system.windows-abort", (r"-1073740791", r"3221226505", r"0xC0000409", r"0xC06D007[EF]|-106659827[34]")),
    Kind(
        "build.cpu-only",
        (
            r"Torch not compiled with CUDA enabled",
            r"CUDA-enabled jaxlib is not installed",
            r"TensorFlow GPU support is not available on native Windows",
            r"tf\.test\.is_built_with_cuda\(\)\)?\s+False",
            r"not (?:been )?built with (?:CUDA|GPU) (?:support|backend)",
            r"provider 'CUDAExecutionProvider' is not in available provider names",
            r"(?:(?:built|compiled) without|not compiled with) (?:CUDA|GPU)\b",
            r"Op type not registered '(?:Nccl|Cudnn)\w+'",
        ),
    ),
    Kind(
        "install.no-wheel",
        (
            r"Could not find a version that satisfies the requirement (?P<package>(?:tensorflow|torch|jaxlib|tenso"
            r"rrt|nvidia)[\w=<"
            r">.~\[\]+-]*)",
            r"No matching distribution found for (?P<package>(?:tensorflow|torch|jaxlib|tensorrt|nvidia)[\w=<>.~\["
            r"\]+-]*)",
            r"(?P<package>(?:tensorflow|torch|jaxlib)\S*\.whl) is not a supported wheel on this platform",
            r"PackagesNotFoundError:[^\n]*(?:\s+-\s+\S+){0,4}?\s+-\s+(?P<package>(?:tensorflow|pytorch|cudatoolkit|cudnn)\S*)",
            r"Unable to find installation candidates for (?P<package>(?:tensorflow|torch|jaxlib)[\w-]*)",
        ),
    ),
    Kind(
        "install.no-cuda-package",
        (
            r"nothing provides (?:requested )?__cuda",
            r"Virtual package '__cuda[^']*' does not match",
            r"__cuda[^\n]{0,40}missing on the system",
        ),
    ),
    Kind("install.long-path", (r"Windows Long Path support enabled", r"The filename or extension is too long")),
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
            r"Attempting to deserialize object on a CUDA device but torch\.cuda\.is_available\(\) is False",
            r"Unknown backend:? '?(?:gpu|cuda)'?|Backend '(?:gpu|cuda)' failed to initialize|No visible GPU",
            r"Cannot assign a device (?:for operation|to node)[^\n]{0,200}GPU",
            r"Invalid CUDA 'device=[^'\n]*' requested|CUDA unavailable, invalid device",
            r"No supported gpu backend found|But your machine only has: \[\]",
            r"SystemError: GPU device not found",
        ),
    ),
)
