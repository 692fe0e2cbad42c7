"""Libraries that are missing, of the wrong version, or found twice."""

from __future__ import annotations

from gpuenv.doctor.pattern import Pattern

_RECREATE = "run `gpuenv create --force`, then `gpuenv verify`"
_TF = "https://github.com/tensorflow/tensorflow/issues/"
_MEASURED = "measured on an H100 with TensorFlow 2.4.0, November 2026"
_CUDA_NAMES = "cudart|cublas|cublasLt|cufft|curand|cusolver|cusparse|cudnn|nvrtc"

LOADER_PATTERNS = (
    Pattern(
        "loader.zlibwapi",
        r"Could not locate zlibwapi\.dll",
        "cuDNN 8.3 to 8.9 for Windows opens `zlibwapi.dll`, which NVIDIA does not ship and this machine does not have",
        "run `conda install -c conda-forge libzlib-wapi` and put its directory on PATH, then `gpuenv verify`",
        ("https://github.com/Softcatala/whisper-ctranslate2/issues/41", "conda-forge/cudnn-feedstock"),
        order=10,
    ),
    Pattern(
        "loader.wsl-libcuda",
        r"Could not load library (?P<library>libcudnn_\w+\.so\.\d+)\. Error: libcuda\.so: cannot open",
        "{library} opens `libcuda.so`, but only `libcuda.so.1` is there, as in WSL 2",
        "run `export LD_LIBRARY_PATH=/usr/lib/wsl/lib` in WSL, then `gpuenv verify`",
        ("https://github.com/pytorch/pytorch/issues/85773", "https://github.com/tensorflow/hub/issues/884"),
        order=11,
    ),
    Pattern(
        "loader.cudnn-part",
        r"Could not (?:load library|locate) "
        r"(?P<library>(?:lib)?cudnn_(?:ops|cnn|adv)_(?:infer|train)(?:\.so\.\d+|64_\d+\.dll))",
        "a part of cuDNN could not be loaded: {library}; cuDNN opens its parts at the first convolution or training "
        "step and ends the process without them",
        _RECREATE,
        (_MEASURED, _TF + "54784", _TF + "53611"),
        order=12,
    ),
    Pattern(
        "loader.cudnn-older",
        r"Loaded runtime CuDNN library: (?P<found>[\d.]*\d) but source was compiled with:? (?P<built>[\d.]*\d)",
        "cuDNN {found} was loaded, but the framework was built with {built} and needs the same major version and at "
        "least that minor one",
        "run `unset LD_LIBRARY_PATH` if it names another cuDNN, then `gpuenv verify`",
        (_TF + "39842", _TF + "60913"),
        order=13,
    ),
    Pattern(
        "loader.cusolver-10",
        r"Could not load dynamic library '(?P<library>cusolver64_10\.dll|libcusolver\.so\.10)'",
        "TensorFlow 2.4 opens {library}, which only CUDA 11.0 has; with a later CUDA 11 the link that gpuenv makes "
        "from cuSOLVER 11 is missing",
        _RECREATE,
        (_MEASURED, _TF + "44777", _TF + "44291"),
        order=20,
        unless=r"Could not load dynamic library '(?:lib)?(?:cudart|cublas|cufft|curand|cusparse|cudnn)",
    ),
    Pattern(
        "loader.missing",
        rf"Could not load dynamic library '(?P<library>(?:lib)?(?:{_CUDA_NAMES})(?:\.so[.\d]*|64_\d+\.dll))'",
        "CUDA libraries are not where TensorFlow looks: {library}",
        _RECREATE,
        (_MEASURED, _TF + "52988", _TF + "45930"),
        order=21,
    ),
    Pattern(
        "loader.mixed-cublas",
        r"undefined symbol: (?P<symbol>cublasLt\w+)|symbol \w*cublasLt\w*.* not defined in file",
        "`libcublas` and `libcublasLt` come from two CUDA versions, one of them probably from LD_LIBRARY_PATH",
        "run `unset LD_LIBRARY_PATH`, then `gpuenv verify`",
        ("https://github.com/pytorch/pytorch/issues/91067", "https://github.com/pytorch/pytorch/pull/174320"),
        order=22,
    ),
    Pattern(
        "loader.windows-abort",
        r"-1073740791|3221226505|0xC0000409",
        "Windows ended the process at the first convolution, as it does when a part of cuDNN is missing",
        _RECREATE,
        (_TF + "45611", _TF + "57738"),
        confidence="likely",
        order=90,
    ),
    Pattern(
        "loader.some-missing",
        r"Cannot dlopen some GPU libraries|Could not find cuda drivers on your machine",
        "TensorFlow could not open one of the CUDA libraries and goes on without a GPU",
        "run `gpuenv verify files` to see which one",
        (_TF + "34287", _TF + "63362", _TF + "66750"),
        confidence="likely",
        order=91,
    ),
)
