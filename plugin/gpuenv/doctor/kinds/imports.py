"""What ends an import or the reading of a model: packages of the wrong age, and what the loader cannot do."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

# Modules that Python 3.12 and 3.13 no longer have: https://docs.python.org/3/whatsnew/3.12.html, 3.13.html.
_REMOVED = "distutils|imp|asyncore|asynchat|smtpd|cgi|pipes|imghdr|sndhdr|telnetlib|uu|xdrlib|audioop"
_IMPORTS_TORCH = r"\bimport torch\w*|\bfrom torch\w*[\w.]* import"

IMPORT_KINDS = (
    Kind("python.hdf5", (r"HDF5 library version mismatched error", r"Headers are [\d.]+, library is [\d.]+")),
    Kind("python.ml-dtypes", (r"module 'ml_dtypes' has no attribute '(?P<name>\w+)'",)),
    Kind(
        "python.protobuf-keyword",
        (
            r"unexpected keyword argument '(?P<name>file|syntax|serialized_options|create_key|serialized_start)'",
            r"compiled against version [\d.]+ of the Protocol Buffer runtime",
            r"requires version [\d.]+ of the Protocol Buffer runtime",
        ),
    ),
    Kind(
        "python.keras-model",
        (
            r"Unrecognized keyword arguments:\W{1,3}(?:dict_keys\()?\[[^\]\n]{1,80}\]",
            r"Keyword argument not understood:",
            r"Error when deserializing class '(?P<name>\w+)' using config",
            r"File format not supported: filepath=",
            r"Unknown layer: '?\"?(?P<name>Functional|Sequential)\b",
            r"Could not (?:deserialize|locate) class '(?P<name>\w+)'",
            r"unexpected keyword argument '(?:batch_shape|input_dtype|ragged|groups|quantization_config)'",
        ),
    ),
    Kind(
        "python.keras-3",
        (
            r"Unrecognized keyword arguments passed to (?P<name>\w+):",
            r"A KerasTensor cannot be used as input to a TensorFlow function",
            r"Argument\(s\) not recognized: \{'(?P<name>lr|decay)'",
            r"Keras 3 only supports",
            r"is not (?:available|supported) (?:in|with|by) Keras 3",
        ),
    ),
    Kind("python.typing-extensions", (r"cannot import name '(?P<name>\w+)' from 'typing_extensions'",)),
    Kind(
        "python.too-new",
        (
            rf"No module named '(?P<module>{_REMOVED})(?:\.\w+)*'",
            r"module 'pkgutil' has no attribute '(?P<module>ImpImporter)'",
        ),
    ),
    # TensorFlow had SWIG's modules until 2.1, whose last Python was 3.7; the path says which Python runs.
    Kind(
        "python.swig-on-new",
        (
            r"[Pp]ython(?P<python>3\.?(?:[89]|1\d))\b[^\n]{0,120}tensorflow[^\n]{0,60}pywrap_tensorflow[^\n]*swig_import_helper",
        ),
    ),
    Kind("python.numpy-1", (r"No module named '(?P<module>numpy\._core[\w.]*)'",)),
    Kind("python.imports-torch", (_IMPORTS_TORCH,)),
    Kind("python.imports-tensorflow", (r"\bimport tensorflow|\bfrom tensorflow[\w.]* import",)),
    Kind(
        "python.import-name",
        (
            r"ImportError: cannot import name '?(?P<name>\w+)'? from "
            r"'?(?P<module>(?:tensorflow|keras|google\.protobuf|numpy|scipy|h5py|absl|wrapt|flatbuffers|torch|tensorboard)"
            r"[\w.]*)",
        ),
    ),
    # Python before 3.7 does not say from where.
    Kind("python.import-name-only", (r"ImportError: cannot import name '?(?P<name>\w+)'?[^\S\n]*(?=\n|$)",)),
    Kind(
        "system.segfault",
        (
            r"Segmentation fault|\bSIGSEGV\b",
            r"exit(?:ed with)? (?:code|status) 139\b",
            r"(?:free|munmap_chunk)\(\): invalid pointer|double free or corruption",
            r"Speicherzugriffsfehler|Erreur de segmentation|Violación de segmento|段错误|セグメンテーション違反",
            r"Ошибка сегментирования|Falha de segmentação|Errore di segmentazione|세그멘테이션 오류",
        ),
    ),
    Kind("library.static-tls", (r"(?P<library>[^\s/]+\.so[\w.]*): cannot allocate memory in static TLS block",)),
    Kind("library.exec-stack", (r"(?P<library>[^\s/]+\.so[\w.]*): cannot enable executable stack",)),
    Kind("system.disk-full", (r"No space left on device",)),
)
