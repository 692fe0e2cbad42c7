"""Signs that a GPU is there or expected, and that it was used."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

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
            r"list_physical_devices\((?:\W?GPU|None\)|\))|test\.is_gpu_available",
            r"GPU check \w+:",
            r"XLA_GPU",
            r"kernel reported version is",
            r"NVIDIA GPU Computing Toolkit\W+CUDA\W+v\d",
            r"nvidia-docker|--gpus all|--gpus=all",
            r"\bimport tensorrt\b",
            r"LD_LIBRARY_PATH: [^\n]*(?:/cuda[\d.-]*(?:/|:|\s|$)|/wsl/|cudnn)",
            r"Cuda compilation tools, release|nvcc(?:\.exe)? (?:-V|--version)",
            r"/[^\s:;'\"]*/libcud(?:art|nn)\.so",
            r"(?:Nvidia|NVIDIA) (?:GPU|toolkit) detected",
            r"\bcudatoolkit +\d|\bcudnn +[789]\.\d",
        ),
    ),
    # A driver's own words about a GPU of this machine.
    Kind(
        "gpu.seen",
        (
            r"NVIDIA-SMI [\d.]+ +Driver Version|GPU \d: [^\n]{3,60}\(UUID: GPU-",
            r"nvidia-smi --query-gpu[^\n]*\n(?:[^\n]*\n)?(?:NVIDIA|Tesla|GeForce|Quadro)\b",
            r"Nvidia GPU detected|nVidia toolkit detected",
            r"CUDA_VISIBLE_DEVICES: \d[\d,]*\s",
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
