"""What does not fit with the Python that runs, with the system, or with the TensorFlow of the program."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

# What the standard library had once: What's New in Python 3.8, 3.10, 3.11, 3.12.
_FROM_COLLECTIONS = (
    r"(?:Mutable)?(?:Mapping|Sequence|Set)|Iterable|Iterator|Callable|Hashable|Sized|Container|OrderedSet"
)

# What was `tf.name` in TensorFlow 1 and is not in 2: tensorflow/tools/compatibility/renames_v2.py.
_IN_TENSORFLOW_1 = (
    "placeholder_with_default|sparse_placeholder|get_variable_scope|get_local_variable|make_template|"
    "op_scope|variable_op_scope|tables_initializer|initialize_all_tables|local_variables_initializer|"
    "variables_initializer|initialize_local_variables|is_variable_initialized|"
    "report_uninitialized_variables|global_variables|local_variables|model_variables|all_variables|"
    "moving_average_variables|add_to_collection|add_to_collections|get_collection_ref|GraphKeys|"
    "get_default_session|get_seed|RunOptions|RunMetadata|OptimizerOptions|NodeDef|Summary|"
    "HistogramProto|LogMessage|Event|to_double|to_bfloat16|to_complex64|string_split|string_to_number|"
    "string_to_hash_bucket_fast|reduce_join|regex_replace|substr|encode_base64|decode_base64|read_file|"
    "write_file|matching_files|parse_example|parse_single_example|parse_tensor|VarLenFeature|"
    "FixedLenSequenceFeature|SparseFeature|TFRecordReader|TextLineReader|WholeFileReader|IdentityReader|"
    "FIFOQueue|PaddingFIFOQueue|RandomShuffleQueue|random_crop|random_shuffle|multinomial|random_gamma|"
    "random_poisson|log1p|rsqrt|erf|erfc|lgamma|digamma|floor_div|ceil|is_finite|is_inf|is_nan|"
    "check_numerics|conj|imag|real|angle|diag|diag_part|matrix_diag|matrix_band_part|matrix_inverse|"
    "matrix_solve|matrix_determinant|cholesky|qr|svd|self_adjoint_eig|trace|cross|invert_permutation|"
    "bincount|confusion_matrix|count_nonzero|cumprod|sparse_tensor_to_dense|sparse_to_dense|"
    "sparse_reorder|sparse_split|sparse_add|sparse_concat|sparse_matmul|sparse_tensor_dense_matmul|"
    "SparseTensorValue|space_to_depth|depth_to_space|extract_image_patches|assert_less|assert_rank|"
    "assert_positive|Print|verify_tensor_all_finite|accumulate_n|scatter_update|scatter_add|"
    "scatter_nd_update|assign|assign_add|assign_sub|count_up_to|unsorted_segment_sum|segment_sum|"
    "colocate_with|container|fixed_size_partitioner|variable_axis_size_partitioner|"
    "truncated_normal_initializer|uniform_unit_scaling_initializer|variance_scaling_initializer|"
    "orthogonal_initializer|glorot_uniform_initializer|glorot_normal_initializer|no_regularizer|"
    "disable_eager_execution|enable_eager_execution|enable_resource_variables|disable_v2_behavior|"
    "enable_v2_behavior|resource_loader|losses|distributions|histogram_summary|image_summary|"
    "merge_all_summaries|merge_summary|batch_matmul|complex_abs|select|inv|arg_max|arg_min|"
    "ConditionalAccumulator|Dimension|VERSION|GIT_VERSION|COMPILER_VERSION"
)

INTERPRETER_KINDS = (
    Kind(
        "python.setuptools",
        (
            r"No module named '?(?P<name>pkg_resources)(?![\w'.]*,)",
            r"cannot import name '(?P<name>\w+)' from 'pkg_resources",
            r"module '(?:setuptools|pkg_resources|distutils)[\w.]*' has no attribute '(?P<name>\w+)'",
            r"(?P<name>use_2to3) is invalid|has no attribute '(?P<attribute>install_layout|SourceFileLoader)'",
        ),
    ),
    Kind(
        "python.removed-name",
        (
            rf"cannot import name '(?P<module>{_FROM_COLLECTIONS})' from 'collections'",
            rf"module 'collections' has no attribute '(?P<module>{_FROM_COLLECTIONS})'",
            r"cannot import name '(?P<module>formatargspec|getargspec)' from 'inspect'",
            r"module 'inspect' has no attribute '(?P<module>formatargspec|getargspec)'",
            r"cannot import name '(?P<module>gcd)' from 'fractions'|cannot import name "
            r"'(?P<name>SafeConfigParser)'",
            r"module '(?:configparser|asyncio|time|ast|unittest)' has no attribute '(?P<module>SafeConfigParser"
            r"|coroutine|clock|Num"
            r"|Str|NameConstant|makeSuite)'",
            r"def \w+\([^)\n]*\b(?P<module>async)\b[^)\n]*\)[^\n]*(?:\n[^\n]*){0,2}\n\s*SyntaxError",
        ),
    ),
    Kind(
        "python.too-old",
        (
            r"cannot import name '(?P<name>\w+)' from '(?:typing|functools|dataclasses|importlib"
            r"|collections\.abc|enum)'",
            r"module '(?:typing|functools|importlib|importlib\.\w+|math)' has no attribute "
            r"'(?P<name>\w+)'",
            r"No module named '(?P<name>dataclasses|tomllib|zoneinfo|importlib\.metadata|importlib\.resources"
            r"|graphlib)'",
            r"(?:def |->|: )[^\n]*\b(?P<name>list|dict|tuple|set|type)\[[^\n]*\n(?:[\s^~]*\n)?\s*TypeError: "
            r"'type' object is "
            r"not subscriptable",
            r"unsupported operand type\(s\) for \|: '(?:type|_GenericAlias|ABCMeta)' and '(?:NoneType|type)'",
            r"(?:\w+ := |\bf['\"])[^\n]*\n(?:[\s^]*\n)?\s*SyntaxError: invalid syntax",
            r"future feature (?P<name>annotations) is not defined",
            # A variable with its type, which Python 3.5 cannot read.
            r"\n\s+\w+: (?:int|str|float|bool|bytes|Any|(?:typing\.)?(?:Optional|List|Dict|Tuple|Union|Callable)\[)"
            r"[^\n]*\n(?:[\s^~]*\n)?\s*SyntaxError: invalid syntax",
        ),
    ),
    Kind(
        "python.other-python",
        (
            r"undefined symbol: (?P<name>_?Py[A-Z]\w+)",
            r"Module use of (?P<name>python\d+\.dll) conflicts with this version of Python",
            r"dynamic module does not define (?:init|module export) function",
            r"ImportError: bad magic number in",
        ),
    ),
    Kind(
        "python.tf1-eager",
        (
            rf"module 'tensorflow' has no attribute '(?P<name>{_IN_TENSORFLOW_1})'",
            r"(?P<name>[\w.]+)(?:\(\))? (?:is|are) not (?:supported|compatible)(?: when| with)? eager execution",
            r"is (?:meaningless|undefined) when eager execution is enabled",
            r"Attempting to capture an EagerTensor without building a function",
            r"should be a function when eager execution is enabled",
            r"'?(?P<name>get_session)'? is not available when using TensorFlow 2",
            r"module 'tensorflow_core\._api\.v2[\w.]*' has no attribute '(?P<name>\w+)'",
        ),
    ),
    Kind(
        "python.tf2-code",
        (r"module 'tensorflow(?:_core)?\._api\.v1(?!\.compat)[\w.]*' has no attribute '(?P<name>\w+)'",),
    ),
    Kind(
        "system.library",
        (
            r"(?:Import|OS)Error: (?P<library>lib(?!cu|nv|nccl|tensorflow|torch|c10)[\w.+-]*\.so[.\d]*): cannot open",
            r"error while loading shared libraries: (?P<library>lib(?!cu|nv|nccl)[\w.+-]*\.so[.\d]*)",
        ),
    ),
    Kind("system.musl", (r"Error loading shared library ld-linux|Error relocating \S+: \w+: symbol not found",)),
    Kind("python.elsewhere", (r"Requirement already satisfied: (?P<package>[\w-]+)",)),
    Kind(
        "python.attribute",
        (
            r"(?<!Cause:\s)(?<!cause:\s)module '(?P<module>(?:tensorflow|keras|tf_keras|numpy|scipy|h5py"
            r"|absl"
            r"|wrapt|flatbuffers|"
            r"torch|tensorboard|six|gast|google|opt_einsum|astunparse|termcolor|packaging|ml_dtypes|PIL|skimage"
            r"|sklearn|pandas|matplotlib|librosa|networkx)[\w.]*)' "
            r"has no attribute "
            r"'(?P<name>\w+)'",
            r"cannot import name '?(?P<name>\w+)'? from '(?P<module>(?:tensorflow|tf_keras|six|gast|opt_einsum"
            r"|markupsafe|"
            r"werkzeug|packaging|importlib_metadata|PIL|skimage|matplotlib|librosa|networkx|sklearn|pandas|transformers|huggingface_hub|optree|namex)[\w.]*)'",
        ),
    ),
)
