"""What conda, mamba and pixi say when they cannot solve, fetch or link. Wordings: conda 4.5 to 25, libmamba 1 and 2."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

CONDA_KINDS = (
    Kind(
        "conda.conflict",
        (
            r"UnsatisfiableError",
            r"Could not solve for environment specs",
            r"Encountered problems while solving",
            r"RemoveError: '[^'\n]+' is a dependency of conda",
            r"SpecsConfigurationConflictError|The environment is inconsistent, please check",
            r"Found conflicts! Looking for incompatible packages",
            r"failed to solve (?:the )?(?:conda )?requirements of environment|Cannot solve the request because of",
        ),
    ),
    Kind(
        "conda.no-package",
        (
            r"PackagesNotFoundError:[^\n]*(?:\s+-\s+\S+){0,4}?\s+-\s+(?P<package>\w[\w.=*<>,-]*)",
            r"ResolvePackageNotFound:?\s+-\s+(?P<package>\w[\w.=*<>,-]*)",
            r"nothing provides requested (?P<package>(?!__)\w[\w.-]*)",
            r"─ (?P<package>\w[\w.-]*)[^\n]{0,60} does not exist \(perhaps a typo",
            r"No candidates were found for (?P<package>(?!__)\w[\w.-]*)",
        ),
    ),
    Kind(
        "conda.other-python",
        (
            r"existing python installation in your "
            r"environment:[^\n]*(?:\n[^\n]*){0,6}?\s-\s+(?P<package>[\w.-]+)\S* -> python",
        ),
    ),
    Kind(
        "install.no-cuda-package",
        (
            r"nothing provides (?:requested )?__cuda|No candidates were found for __cuda",
            r"Virtual package '__cuda[^']*' does not match",
            r"__cuda[^\n]{0,40}missing on the system",
        ),
    ),
    # The list of the solver before libmamba: what the system has, and which chain of packages asks for it.
    Kind("conda.wants-cuda", (r"->\s*__cuda\b(?:\[version='>=(?P<least>\d+(?:\.\d+)*))?",)),
    Kind("conda.has-cuda", (r"::__cuda==(?P<found>\d+(?:\.\d+)*)",)),
    Kind("conda.wants-glibc", (r"->\s*__glibc\[version='>=(?P<least>\d+(?:\.\d+)*)",)),
    Kind("conda.has-glibc", (r"::__glibc==(?P<found>\d+(?:\.\d+)*)",)),
    Kind(
        "conda.glibc",
        (
            r"nothing provides (?:requested )?(?P<version>__glibc >=[\d.]*\d)",
            r"(?P<version>__glibc >=[\d.]*\d)[^\n]{0,40}missing on the system",
            r"Virtual package '(?P<version>__glibc[^']*)' does not match",
        ),
    ),
    Kind(
        "conda.incomplete",
        (
            r"The package for (?P<package>\S+) located at (?P<place>[^\n]+?)\s*appears to be corrupted\. "
            r"The path '(?P<path>[^'\n]+)' specified in the package manifest cannot be found",
        ),
    ),
    Kind(
        "conda.damaged",
        (
            r"CondaVerificationError",
            r"ChecksumMismatchError|detected a mismatch between the expected content",
            r"InvalidArchiveError|Cannot link a source that does not exist",
            r"File not valid: (?:SHA256|MD5) sum doesn't match|Found incorrect download",
        ),
    ),
    Kind("conda.terms", (r"CondaToS\w*Error|Terms of Service have not been accepted",)),
    Kind(
        "conda.not-initialized",
        (
            r"shell has not been properly configured to use '(?:conda|mamba) activate'",
            r"Run 'conda init' before 'conda activate'|need to run 'conda init'",
            r"Run 'mamba init' to be able to run|is running as a subprocess and can't modify the parent shell",
        ),
    ),
    Kind(
        "conda.not-activated",
        (
            r"Python interpreter is in a conda environment, but the environment has not been activated",
            r"mkl-service package failed to import",
            r"import (?:_ssl|_mklinit)\b[^\n]*\n(?:[^\n]*\n){0,2}?[^\n]*DLL load failed",
            r"numpy[\\/](?:core|_core|__init__\.py|random|linalg)[^\n]*\n(?:[^\n]*\n){0,3}?[^\n]*DLL load failed",
            r"SSL module is not available",
        ),
    ),
    # C++ names of what TensorFlow's packages of conda share with others, each built for the others of its channel.
    Kind(
        "conda.mixed",
        (
            r"(?P<file>lib(?:tensorflow|torch|arrow|grpc|protobuf|opencv|c10|jaxlib)\w*\.so[.\d]*): undefined symbol: "
            r"(?P<symbol>_Z\w*(?:6snappy|4absl|4grpc|6google8protobuf|3re2|5arrow|3fmt|5boost|4icu_|6icu_)\w*)",
        ),
    ),
    Kind("conda.path", (r"[\\/](?:(?:ana|mini)?conda|miniforge|mambaforge)\d*[\\/]",)),
)
