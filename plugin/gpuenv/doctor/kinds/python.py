"""Python packages that do not fit together, and programs that ask too late."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

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
            r"np\.\w+'? was removed in the NumPy 2\.0 release",
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
            r"TF_USE_LEGACY_KERAS set to True, but you do not have the (?P<name>tf_keras) package",
            r"installed version of Keras is Keras 3, but this is not yet supported",
            r"No module named '(?P<name>keras\.\w[\w.]*|tensorf"
            r"low\.(?:keras|compat|python(?!\.(?:training|framework|ops|eager|platform|client|util|lib)'))[\w.]*|tf_keras)'",
        ),
    ),
    Kind(
        "python.tf1-code",
        (
            r"module 'tensorflow' has no attribute '(?P<name>placeholder|Session|gfile|ConfigProto|get_default_gra"
            r"ph|contrib|"
            r"app|flags|global_variables_initializer|reset_default_graph|variable_scope|log|GPUOptions|logging|lay"
            r"ers)'",
            r"No module named '(?P<name>tensorflow\.contrib[\w.]*|tensorflow\.examples[\w.]*)'",
            r"module 'tensorflow' has no attribute '(?P<name>random_normal|random_uniform|truncated_normal|to_float|"
            r"to_int\d+|get_variable|set_random_seed|InteractiveSession|div|mul|sub|pack|unpack|python_io|AUTO_REUSE|py_func|"
            r"estimator|get_collection|trainable_variables|initialize_all_variables|GraphDef|decode_raw|FixedLenFeature|read_file)'",
            r"module 'tensorflow\._api\.v2\.\w+' has no attribute '(?P<name>\w+Optimizer|Saver|get_global_step|"
            r"get_or_create_global_step|string_input_producer|batch|softmax_cross_entropy|rnn_cell|FileWriter|merge_all|"
            r"scalar_summary|summary|MakeDirs|Exists|FastGFile)'",
            r"(?P<name>tf\.placeholder)\(\) is not compatible with eager execution",
            r"(?:RuntimeError: )?The (?P<name>Session) graph is empty",
        ),
    ),
    Kind(
        "python.jax",
        (
            r"module '(?:jax|jaxlib)[\w.]*' has no attribute '(?P<name>\w+)'",
            r"jaxlib (?:version [\d.]+|is version [\d.]+,)[^\n]{0,60}(?:incompatible|requires|newer)",
            r"cannot import name '(?P<name>\w+)' from 'jax",
            r"unknown vhlo \w+ code|(?:Unsupported|failed to deserialize) (?:portable artifact|StableHLO|VHLO)",
            r"PJRT (?:C )?API version [^\n]{0,80}(?:mismatch|incompatible|not supported|older|newer)|Mismatched PJRT",
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
        (
            r"partially initialized module '(?P<module>\w+)' has no attribute[^\n]{0,80}circular import",
            r"from partially initialized module '(?P<module>\w+)' \(most likely due to a circular import\) "
            r"\((?![^\n)]*(?:site|dist)-packages)",
            r"'(?P<module>tensorflow|keras|torch|jax|numpy)' is not a package",
            r"module '(?P<module>tensorflow)' has no attribute '(?:__version__|constant|Variable|keras|config|io)'",
        ),
    ),
    Kind(
        "python.module-missing",
        (
            r"ModuleNotFoundError: No module named '(?P<module>[\w.]+)'",
            r"\bImportError: No module named '?(?P<module>[\w.]+)",
        ),
    ),
    Kind("python.tflite-flex", (r"Regular TensorFlow ops are not supported by this interpreter",)),
    Kind("python.fork", (r"Cannot re-initialize CUDA in forked subprocess",)),
    Kind(
        "python.late-setting",
        (
            r"(?:Physical|Virtual) devices cannot be modified after being initialized",
            r"Memory growth cannot differ between GPU devices",
        ),
    ),
)
