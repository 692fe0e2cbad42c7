"""What pip, uv and poetry say when an installation fails. Wordings: the tools' own sources, pip 9 to 25."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

# A requirement as pip repeats it: `tensorflow-gpu==2.11`, `h5py<2.11.0,>=2.9.0`, `jax[cuda12]`.
_REQUIREMENT = r"(?P<package>[A-Za-z][\w.\[\]-]*(?:[=<>!~]=?[\w=<>!~.,+*]*)?)"
_DENIED = r"(?:Errno 13|WinError (?:5|32)|os error (?:5|13|32))"

PIP_KINDS = (
    Kind(
        "install.no-wheel",
        (
            rf"Could not find a version that satisfies the requirement {_REQUIREMENT}",
            rf"No matching distribution found for {_REQUIREMENT}",
            r"(?P<package>[A-Za-z]\S*\.whl) is not a supported wheel on this platform",
            r"Unable to find installation candidates for (?P<package>[\w-]+)",
            r"(?P<package>\w[\w.-]*)\W{1,3}requires a different Python",
            r"No distributions at all found for (?P<package>\S+)",
            r"Could not find any downloads that satisfy the requirement (?P<package>\S+)",
            r"The package you are trying to install is only a placeholder project",
            # uv
            r"\b(?P<package>[\w.-]{2,60})(?:[<>=!~]\S{0,30})? has no (?:usable )?wheels",
            r"(?P<package>[\w.-]+)(?:==[\w.]+)? is unusable because no wheels are available",
            r"only (?:found|has) wheels for (?:'?(?P<package>[\w.-]+)'?|the following)",
            r"doesn't have a source distribution or wheel for the current platform",
            r"(?P<package>[\w.-]+) was not found in the package registry",
            r"Because there is no version of (?P<package>[\w.-]+)",
            r"Python version \([^)\n]{1,30}\) does not satisfy",
            # poetry, pdm, pipenv
            r"current project's (?:supported )?Python (?:range|requirement) \([^)\n]*\) is not compatible",
            r"requires Python \S{2,20}, so it will not be (?:installable|satisfied) for Python",
        ),
    ),
    Kind(
        "install.conflict",
        (
            r"ResolutionImpossible|ResolutionFailure\b|resolution-too-deep",
            r"these package versions have (?:conflicting dependencies|incompatible dependencies)",
            r"The conflict is caused by:",
            r"Double requirement given: (?P<package>[^\s(]+)",
            r"No solution found when resolving",
            r"version solving failed",
            r"your(?: project's)? requirements are unsatisfiable",
            r"There are incompatible versions in the resolved dependencies",
        ),
    ),
    Kind(
        "install.permission",
        (
            rf"Could not install packages due to an \w+: \[{_DENIED}\]",
            rf"(?:Permission|OS|IO|Environment)Error: \[{_DENIED}\][^\n]*(?:site|dist)-packages",
            r"error: could not (?:create|delete|write|remove) '[^'\n]*'(?: \S+)?: (?:Permission denied|Access "
            r"is denied)",
            rf"failed to (?:remove|create|write|rename|open|copy|hardlink) [^\n]{{0,250}}\({_DENIED}\)",
            r"Consider using the '?--user'? option or check the permissions",
            r"The current user does not have (?:write )?permissions to the target environment",
            r"EnvironmentNotWritableError|NoWritable(?:Pkgs|Envs)DirError|\bNotWritableError",
        ),
    ),
    Kind(
        "install.managed",
        (
            r"externally[- ]managed-environment",
            r"This environment is externally managed|by passing --break-system-packages",
        ),
    ),
    # A download that failed, as the program says that wanted it.
    Kind(
        "install.download",
        (
            r"There was a problem confirming the ssl certificate|Could not fetch URL \S+: ",
            r"CondaHTTPError|CondaSSLError|HTTP 000 CONNECTION FAILED|UnavailableInvalidChannel",
            r"libmamba Download error|critical +libmamba [^\n]*(?:Timeout|resolve host|connect)|Multi-download failed",
            r"network timeout|UV_HTTP_TIMEOUT|error sending request for url",
            r"Could not install packages due to an \w+: HTTPS?ConnectionPool",
            r"pip\._vendor\.\S*(?:ReadTimeoutError|ProtocolError|ConnectTimeoutError|ConnectionError|SSLError)",
            r"URL fetch failure on \S+",
            r"incomplete-download|All attempts to connect to \S+ failed|are you offline\?",
        ),
    ),
    # Signs of it, which other programs print too while all goes on.
    Kind(
        "install.network",
        (
            r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|unable to get local issuer certificate",
            r"Cannot connect to proxy|Tunnel connection failed: \d+|407 Proxy Authentication Required",
            r"(?:ReadTimeoutError|ConnectTimeoutError|NewConnectionError|MaxRetryError|IncompleteRead)\b",
            r"after connection broken by|Network is unreachable",
            r"SSL module is not available|Max retries exceeded with url",
            r"Temporary failure in name resolution|\[Errno 11001\] getaddrinfo failed|Name or service not known",
        ),
    ),
    Kind(
        "install.damaged",
        (
            r"THESE PACKAGES DO NOT MATCH THE HASHES",
            r"Retrieved digest for link|not in poetry\.lock metadata|Hash for \S+ from archive \S+ not found",
            r"Hash mismatch for '?(?P<package>[\w.=-]+)",
            r"Wheel '(?P<package>[\w.-]+)' located at \S+ is invalid",
            r"BadZipFile|Bad CRC-32 for file|Bad magic number for (?:file header|central directory)",
            r"zlib\.error: Error -3 while decompressing|Failed to extract archive|failed to unzip",
            r"(?P<package>[\w.-]+) has an invalid wheel",
        ),
    ),
    Kind(
        "install.old-pip",
        (
            # Wheels of manylinux2010 need pip 19.0, those of manylinux2014 19.3.
            r"You are using pip version (?P<version>(?:[1-9]|1[0-8])\.[\d.]*\d|19\.[0-2][\d.]*)",
        ),
    ),
    # Wheels are known since pip 1.4.
    Kind("install.oldest-pip", (r"egg_info for package from \S+\.whl\b",)),
    Kind(
        "install.build-failed",
        (
            r"Failed building wheel for (?P<package>[\w.-]+)",
            r"Could not build wheels for (?P<package>[\w.-]+)",
            r"Failed to build '(?P<package>[\w.-]+)",
            r"(?:metadata-generation|legacy-install)-failed?|legacy-install-failure|subprocess-exited-with-error",
            r"generating package metadata|(?:setup\.py \w+|wheel|editable|\.toml\)|setup\.py\)) did not run "
            r"successfully",
            r"Failed to build installable wheels for some pyproject\.toml",
            r"Microsoft Visual C\+\+ 1\d\.\d (?:or greater )?is required|Unable to find vcvarsall\.bat",
            r"error: command '[^'\n]*(?:gcc|g\+\+|cc|clang|cl(?:\.exe)?|nvcc|swig|cmake)' failed",
            r"fatal error: '?Python\.h'?",
            r"Unable to load dependency HDF5",
            r"setup\.py (?:egg_info|install|bdist_wheel)[\"']? failed with error code",
            r"Command errored out with exit status 1",
            r"build backend returned an error|ChefBuildError|error in \S+ setup command",
        ),
    ),
    Kind(
        "install.disk-full",
        (
            r"\[Errno (?:28|122)\]|\[WinError 112\]|NoSpaceLeftError|Disk quota exceeded",
            r"There is not enough space on the disk|nicht genug Speicherplatz auf dem Datenträger",
            r"Espace insuffisant sur le disque|Espacio en disco insuficiente|Espaço insuficiente no disco",
            r"Недостаточно места на диске",
            r"磁盘空间不足|磁碟空間不足|ディスクに十分な空き領域がありません|디스크 공간이 부족합니다",
        ),
    ),
)
