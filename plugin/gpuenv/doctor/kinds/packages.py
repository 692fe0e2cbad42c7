"""Packages of Python that are of the wrong age for one another, for Python, or for the program."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

# Who asks, for what, and what is there; pip since 20.3, pip before, and `pip check`.
_PACKAGE = (
    r"(?P<wanting>(?:tensorflow|tf|keras|torch|jax|onnx)[\w.-]*) \d[\w.+]* (?:requires|has requirement) (?P<package>{})"
    r"[\s(<>=!~][^\n]{{0,80}}?, but you(?:'ll)? have "
)


def _requires(package: str, version: str = r"\d[\w.]*\w") -> tuple[str, ...]:
    """Return what pip says when an installed package is not what another one asks for: when it installs, and checks."""
    asks = _PACKAGE.format(package)
    return (
        rf"{asks}[\w.-]+ (?P<found>{version}) which is incompatible",
        rf"{asks.replace('(?:requires|has requirement)', 'has requirement')}[\w.-]+ (?P<found>{version})\.\s",
    )


PACKAGE_KINDS = (
    Kind("requires.keras", _requires(r"(?:tf[-_])?keras[\w-]*|tensorflow[-_]estimator")),
    Kind("requires.numpy-1", _requires("numpy", r"2\.[\w.]*\w")),
    Kind("requires.numpy", _requires("numpy", r"1\.[\w.]*\w")),
    Kind("requires.protobuf", _requires("protobuf")),
    Kind(
        "requires.other",
        _requires(r"(?!keras|tf[-_]keras|tensorflow[-_]estimator|numpy|protobuf)[\w.-]+?"),
    ),
    Kind(
        "python.protobuf-twice",
        (r"File already exists in database: ", r"Couldn't build proto file into descriptor pool"),
    ),
    Kind(
        "python.protobuf-removed",
        (
            r"_pb2\.py\b[^\n]*(?:\n[^\n]*){0,3}?\n\s*TypeError: bases must be types",
            r"object has no attribute '(?P<name>message_types_by_name)'",
            r"(?:FieldDescriptor|SymbolDatabase|EnumDescriptor|ServiceDescriptor)' object has no attribute "
            r"'(?P<name>\w+)'",
        ),
    ),
    Kind("python.dict-wrapper", (r"descriptor does not support '_DictWrapper' objects",)),
    Kind("python.protobuf-key", (r"has no attribute '_internal_create_key'",)),
    Kind("python.numpy-symbolic", (r"Cannot convert a symbolic Tensor \(\S*strided_slice\S*\) to a numpy array",)),
    Kind(
        "python.numpy-removed",
        (
            r"cannot import name '(?P<name>ComplexWarning|VisibleDeprecationWarning|RankWarning|byte_bounds|float_|Inf|"
            r"product|cumproduct|alltrue|sometrue|in1d|trapz|obj2sctype|issubclass_|safe_eval)' from 'numpy",
            r"module 'numpy' has no attribute '(?P<name>bool8|float_|complex_|unicode_|product|cumproduct"
            r"|alltrue|sometrue|"
            r"sctypes|msort|asfarray|Inf|NaN|string_|trapz|in1d|row_stack|DataSource|mat)'",
            r"RuntimeError: Numpy is not available",
            r"initialization of _pywrap_\w+ raised unreported exception",
        ),
    ),
    Kind(
        "python.numpy-broken",
        (
            r"Importing the numpy C-extensions failed|Importing the multiarray numpy extension module failed",
            r"you should not try to import numpy from its source directory",
            r"No module named 'numpy\.core\._multiarray_umath'",
            r"has no attribute '_ilp64'",
        ),
    ),
    Kind(
        "python.hdf5-load",
        (
            r"DLL load failed while importing (?:defs|_errors|h5\w*)\b",
            r"h5py[\\/][^\n]*\n(?:[^\n]*\n){0,3}?[^\n]*DLL load failed",
            r"h5py[\\/][^\n:]*\.so: undefined symbol|undefined symbol: H5\w+",
        ),
    ),
    Kind(
        "python.keras-old-name",
        (
            r"'\w+' object has no attribute '(?P<name>predict_classes|predict_proba|fit_generator|predict_generator|"
            r"evaluate_generator|_set_device_from_string|get_updates|output_masks)'",
        ),
    ),
    Kind(
        "python.keras-two",
        (
            r"Could not interpret (?:optimizer|metric|loss|initializer|activation)[\w ]{0,30}identifier: <?"
            r"(?:class '?)?(?:tensorflow|keras)",
            r"version of multi-backend Keras that does not support TensorFlow 2",
            r"must be an instance of class Layer\. (?:Found|Received):? <?(?:tensorflow|keras)",
            r"Only instances of '?keras\.(?:layers\.)?Layer'? can be added",
        ),
    ),
    Kind(
        "python.keras-3-argument",
        (
            r"filename must end in '?\.weights\.h5|filepath provided must end in '?\.keras",
            r"Invalid filepath extension for saving",
            r"unexpected keyword argument '(?P<name>use_multiprocessing|max_queue_size)'",
            r"add_weight\(\) got multiple values for argument 'shape'",
            r"Failed to import TF-Keras",
        ),
    ),
    Kind(
        "python.keras-newer",
        (r"module 'tensorflow(?:_core)?\._api\.v1\.compat[\w.]*' has no attribute '(?P<name>\w+)'",),
    ),
    Kind("python.marshal", (r"bad marshal data|SystemError: unknown opcode",)),
    Kind(
        "python.addon-wants",
        (
            r"This version of (?P<file>\w[^\n]{2,30}?) requires TensorFlow version (?P<symbol>[<>=]+ [\d.]*\d)",
            r"tensorflow-plugins[\\/]+(?P<file>[\w.-]+\.(?:dll|so|dylib))[^\n]{0,60}"
            r"(?:not found|undefined symbol|Symbol not found|Library not loaded)",
            r"(?P<file>(?:libtensorflow_(?:framework|cc)|libtorch\w*|libc10\w*)\.so[.\d]*): cannot open shared",
        ),
    ),
    Kind(
        "python.model-code",
        (r"Unknown layer: '?\"?(?P<name>\w*OpLambda)", r"NodeDef mentions attr '(?P<name>\w+)' not in Op"),
    ),
    Kind("python.op-missing", (r"Op type not registered '(?P<name>(?!Nccl|Cudnn)\w+)'",)),
    Kind(
        "python.model-file",
        (r"Unable to (?:synchronously )?open file \((?P<why>file signature not found|truncated file)",),
    ),
    Kind("python.numpy-sanity", (r"fails to pass a sanity check due to a bug in the windows runtime",)),
    Kind("python.installed-twice", (r"Duplicate plugins for name \w+",)),
)
