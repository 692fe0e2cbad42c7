"""Set the variables of this environment in every Python that starts in it, activated or not.

gpuenv writes this module, with the table filled in, beside the `.pth` file that imports it at each start. So it is
silent, never fails, needs no more than `os`, and runs on Python 3.6. gpuenv itself uses the same functions.
"""

import os

# (name, mode, template); modes and `{prefix}`, `{cuda_dir}` are explained in docs/recipes.md.
VARIABLES = ()  # type: tuple[tuple[str, str, str], ...]
CUDA_DIR = None  # type: str | None
PREFIX = ""


def expand(mode: str, template: str, prefix: str, cuda_dir: "str | None", windows: bool) -> "str | None":
    """Fill in the places; None when the template names the CUDA tools and there are none."""
    if cuda_dir is None and "{cuda_dir}" in template:
        return None
    key, equals, value = template.partition("=") if mode == "flag" else ("", "", template)
    if windows and ("{prefix}" in value or "{cuda_dir}" in value):
        value = value.replace("/", "\\")
    value = value.replace("{prefix}", prefix).replace("{cuda_dir}", cuda_dir or "")
    # XLA splits at blanks except inside quotes right behind `=`; in double ones a backslash escapes, in single ones not
    # (tensorflow/compiler/xla/parse_flags_from_env.cc).
    if mode == "flag" and (value[:1] in ("'", '"') or any(blank in value for blank in " \t")):
        quote = '"' if "'" in value else "'"
        if quote == '"':
            value = value.replace("\\", "\\\\").replace('"', '\\"')
        value = quote + value + quote
    return key + equals + value


def foreign(path: str, prefix: str) -> bool:
    """Say whether a path lies in another environment of gpuenv: then it was inherited, the user did not choose it."""
    path = path.strip("'\"")
    parent = os.path.dirname(path)
    while parent != path:
        if os.path.isfile(os.path.join(parent, "etc", "gpuenv", "receipt.json")):
            return parent != prefix
        path, parent = parent, os.path.dirname(parent)
    return False


def changed(mode: str, value: str, old: "str | None", prefix: str, separator: str) -> "str | None":
    """Return what a variable becomes, or None where it stays as it is."""
    if mode == "default":
        return value if old is None or foreign(old, prefix) else None
    if mode == "path":
        entries = old.split(separator) if old else []
        return None if value in entries else separator.join([value] + entries)  # noqa: RUF005
    if not old or not old.strip():
        return value
    if not old.lstrip().startswith("-"):  # XLA takes it for the name of a file with flags
        return None
    key = value.partition("=")[0]
    for flag in old.split():
        name, _, its = flag.partition("=")
        if name == key and not foreign(its, prefix):
            return None
    return old + " " + value  # of two flags with one name XLA takes the later


def start() -> None:
    """Set the variables of the environment that this file lies in, wherever it was moved or copied to."""
    prefix = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), PREFIX))
    cuda_dir = None if CUDA_DIR is None else os.path.normpath(os.path.join(prefix, CUDA_DIR))
    for name, mode, template in VARIABLES:
        value = expand(mode, template, prefix, cuda_dir, os.name == "nt")
        if value is not None:
            value = changed(mode, value, os.environ.get(name), prefix, os.pathsep)
        if value is not None:
            os.environ[name] = value
    cache = os.environ.get("CUDA_CACHE_PATH", "")
    if cache.startswith(prefix + os.sep) and not os.path.isdir(cache):
        os.makedirs(cache)  # the driver makes none, and a clone made by conda lacks empty directories


if VARIABLES:
    try:
        start()
    except Exception:  # a Python that starts without our variables is better than one that does not start
        pass
