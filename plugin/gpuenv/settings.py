"""The user's settings, and where gpuenv keeps its files. A leaf: everybody may import it.

Settings are the file `settings.yaml` in the configuration directory::

    recipe_dirs: [/srv/gpuenv/recipes]
    default_recipe: tf-2.4
    archive_mirrors: ["https://mirror.example/cudnn/{name}"]
    archive_dirs: [/srv/nvidia]
    facts: [/srv/gpuenv/facts.yaml]

Variables win over it: GPUENV_CONFIG_DIR moves the configuration directory, GPUENV_RECIPE_PATH puts recipe directories
in front of `recipe_dirs`, GPUENV_DATA_DIR moves environments, state and cache, GPUENV_CACHE_DIR the cache alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from gpuenv.errors import Hint, UsageError

CONFIG_VARIABLE = "GPUENV_CONFIG_DIR"
DATA_VARIABLE = "GPUENV_DATA_DIR"
CACHE_VARIABLE = "GPUENV_CACHE_DIR"
RECIPE_PATH_VARIABLE = "GPUENV_RECIPE_PATH"
FILE_NAME = "settings.yaml"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a user or an administrator has set.

    `recipe_dirs` are the team's directories with recipes, absolute, searched in this order. `default_recipe` is taken
    when no recipe is named. `archive_mirrors` are asked for NVIDIA's archives before NVIDIA is: addresses with `{name}`
    in them, or to put in front of the path of NVIDIA's. `archive_dirs` are looked through for archives, beside the
    user's download directory. `facts` are files of
    facts, absolute, that win over gpuenv's own.
    """

    recipe_dirs: list[str] = []
    default_recipe: str = "tf-2.4"
    archive_mirrors: list[str] = []
    archive_dirs: list[str] = []
    facts: list[str] = []


def user_config_dir(environ: Mapping[str, str]) -> Path:
    """Return the directory of the user's settings and own recipes."""
    given = environ.get(CONFIG_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    from platformdirs import user_config_path

    return user_config_path("gpuenv", appauthor=False)


def data_dir(environ: Mapping[str, str]) -> Path:
    """Return the directory of everything gpuenv keeps for this user."""
    given = environ.get(DATA_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("gpuenv", appauthor=False)


def cache_dir(environ: Mapping[str, str]) -> Path:
    """Return the directory of the archives that were downloaded; several users may share one."""
    given = environ.get(CACHE_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    if environ.get(DATA_VARIABLE):
        return data_dir(environ) / "cache"
    from platformdirs import user_cache_path

    return user_cache_path("gpuenv", appauthor=False)


def download_dir() -> Path:
    """Return the directory into which the user's browsers put files."""
    from platformdirs import user_downloads_path

    return user_downloads_path()


def environments_dir(environ: Mapping[str, str]) -> Path:
    """Return the directory of the environments that were made with `-n NAME`."""
    return data_dir(environ) / "envs"


def user_recipes_dir(environ: Mapping[str, str]) -> Path:
    """Return the directory of the user's own recipes."""
    return user_config_dir(environ) / "recipes"


def load_settings(environ: Mapping[str, str], config_dir: Path | None = None) -> Settings:
    """Read the settings, with the variables over them; a file that does not exist means the defaults.

    Directories and files in it may begin with `~` or be relative to it. Raises UsageError with file, line and column
    for a file that is wrong.
    """
    path = (config_dir or user_config_dir(environ)) / FILE_NAME
    settings = _read(path) if path.is_file() else Settings()
    given = [part for part in environ.get(RECIPE_PATH_VARIABLE, "").split(os.pathsep) if part]
    dirs = [
        *(str(Path(part).expanduser().absolute()) for part in given),
        *(str(path.parent / Path(part).expanduser()) for part in settings.recipe_dirs),
    ]
    archive_dirs = [str(path.parent / Path(part).expanduser()) for part in settings.archive_dirs]
    facts = [str(path.parent / Path(file).expanduser()) for file in settings.facts]
    return msgspec.structs.replace(
        settings, recipe_dirs=list(dict.fromkeys(dirs)), archive_dirs=archive_dirs, facts=facts
    )


def _read(path: Path) -> Settings:
    from gpuenv.conform import differences
    from gpuenv.document import DocumentError, error_of, plain, read_file

    try:
        value = read_file(path)
    except DocumentError as err:
        raise error_of([err.problem], UsageError) from err
    except OSError as err:
        raise UsageError(
            f"the settings `{path}` cannot be read",
            cause=str(err),
            hints=[Hint("settings.elsewhere", f"set `{CONFIG_VARIABLE}` to a directory that can be read")],
        ) from err
    if value.kind == "nothing":
        return Settings()
    problems = differences(value, Settings)
    if problems:
        raise error_of(problems, UsageError)
    return msgspec.convert(plain(value), Settings)
