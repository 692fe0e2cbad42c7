"""Building GPU code (nvcc and the host's compiler), and the packages of drivers and of CUDA that systems bring."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

# apt in the languages whose reports were seen.
_UNMET = (
    "unmet dependencies|unerfüllte Abhängigkeiten|dépendances non satisfaites|dependencias incumplidas|"
    "dipendenze non soddisfatte|dependências desencontradas|未满足的依赖关系"
)
_NOT_LOCATED = (
    "Unable to locate package|Impossible de trouver le paquet|No se ha podido localizar el paquete|"
    "Impossibile trovare il pacchetto|Impossível encontrar o pacote|无法定位软件包|удалось найти пакет"
)
_PACKAGE = r"(?P<package>(?:lib)?(?:nvidia|cuda|cudnn|xserver-xorg-video-nvidia)[\w.:+-]*)"

BUILD_KINDS = (
    Kind(
        "build.host-compiler",
        (
            r"unsupported (?P<compiler>GNU|clang|Microsoft Visual Studio|ICC|PGI) (?:version|configuration)",
            r"error STL1002: Unexpected compiler version",
            r"parameter packs not expanded with '\.\.\.'",
            r"exception specification is incompatible with that of previous function \"?'?(?P<function>\w+)",
            r"identifier \"?'?(?P<type>_Float(?:32|64|128)x?|__float128|__builtin_ia32\w+)\"?'? is undefined",
            r"nvcc fatal : (?:Host compiler targets unsupported OS|Could not set up the environment for Microsoft)",
            r"nvcc fatal : Cannot find compiler '(?P<missing>cl\.exe)' in PATH",
            r"gcc: (?:fatal )?error:? (?:trying to exec|cannot execute) '(?P<part>cc1plus)'",
            r"No supported gcc/g\+\+ host compiler found|of the host compiler \('[^'\n]*'\) is not supported",
        ),
    ),
    Kind(
        "build.no-toolkit",
        (
            r"CUDA_HOME environment variable is not set|CUDA_HOME does not exist",
            r"nvcc: (?:(?:command )?not found|Kommando nicht gefunden|commande introuvable|orden no encontrada)",
            r"nvcc: 未找到命令",
            r"'nvcc' is not recognized|No such file or directory: '[^'\n]*\bnvcc'",
            r"No CMAKE_CUDA_COMPILER could be found",
            r"Could NOT find CUDA(?:Toolkit)? \(missing:",
            r"Failed to find nvcc|Could not find nvcc|nvcc was not found",
            r"fatal error: (?P<header>(?:cuda|cublas|cudnn|cusparse|cusolver|curand|cufft|nccl|nvToolsExt)\w*\.h): "
            r"No such file",
            r"cannot open source file \"?'?(?P<header>(?:cuda|cublas|cudnn|cusparse|cusolver)\w*\.h)",
            r"ld: cannot find -l(?P<library>cu(?:dart|blas|dnn|solver|sparse|fft|rand|da)\w*)",
            r"Could not find any (?P<header>(?:cuda|cudnn|cublas\w*)\.h) matching version",
            r"(?P<library>libNVVM|libcudadevrt\.a) (?:cannot be|not) found",
            r"CUDA path could not be detected",
        ),
    ),
    Kind(
        "build.cuda-mismatch",
        (
            # PyTorch breaks this line itself, at 80 characters, as a terminal would.
            r"detected CUDA version \((?P<toolkit>[\d.]+)\) mismatches the version that was used to compile\s*"
            r"PyTorch \((?P<framework>[\d.]+)\)",
        ),
    ),
    Kind(
        "install.driver-conflict",
        (
            rf"(?:{_UNMET})\W{{1,3}}(?:[^\n]*\n){{0,6}}?[^\n]*?\b{_PACKAGE}",
            rf"trying to overwrite '[^'\n]*', which is also in package {_PACKAGE}",
            r"package (?P<package>\S*nvidia\S*) [^\n]{0,200}none of the providers can be installed",
            r"(?P<package>\S*nvidia\S*) [^\n]{0,80}is filtered out by modular filtering",
            r"cannot install both (?P<package>\S*nvidia\S*)",
            r"(?P<package>\S*nvidia\S*) and \S*nvidia\S* are in conflict",
            r"breaks dependency '[^'\n]+' required by (?P<package>\S*nvidia\S*)",
            r"nothing provides \S*nvidia-kmod\S*[^\n]{0,60}needed by (?P<package>\S+)",
        ),
    ),
    Kind(
        "install.driver-repository",
        (
            r"NO_PUBKEY (?P<key>A4B469963BF863CC|DDCAE044F796ECB0)",
            r"repository '[^'\n]*(?:nvidia|cuda)[^'\n]*' (?:is not signed|is no longer signed|does not have a "
            r"Release file)",
            r"Conflicting values set for option Signed-By[^\n]{0,60}nvidia",
            rf"(?:{_NOT_LOCATED}) {_PACKAGE}",
            rf"E: Paket {_PACKAGE} kann nicht gefunden werden",
            rf"Package '?{_PACKAGE}'? has no installation candidate",
            rf"No match for argument: {_PACKAGE}",
            rf"Version '[^'\n]+' for '{_PACKAGE}' was not found",
            rf"Unable to find a match: {_PACKAGE}",
            rf"No package {_PACKAGE} available",
            r"# Unsupported distribution!\s+# Check https?://nvidia\.github\.io",
        ),
    ),
)
