"""Start a recipe of one's own."""

from __future__ import annotations

import json
import re

from gpuenv.errors import Hint, UsageError

_TEXT = """\
# A recipe that extends {base}: write down only what differs. Check it with `gpuenv recipes validate FILE`, see all
# of it with `gpuenv recipes show FILE`. A mapping is merged key by key, a list replaces the base's, null removes a key.
gpuenv_recipe_version: "1"
name: "{name}"
extends: {quoted_base}
summary: {summary}

# Which Pythons the packages exist for, the preferred first. Quote every version: YAML reads 3.10 as 3.1.
# pythons: ["3.8"]

# Python packages. This list replaces the base's, so keep its lines: `gpuenv recipes show {base}`. After a change run
# `gpuenv lock FILE`, which pins them by hash beside this file.
# requirements:
#   - tensorflow==2.4.0
#   - protobuf<3.21
#   - pip
#   - matplotlib

# Leave a source of CUDA out.
# sources:
#   toolkit: null

# Environment variables. A value that the user has set already is kept; {{prefix}} is the environment's directory.
# environment:
#   TF_FORCE_GPU_ALLOW_GROWTH: {{value: "true"}}
#   TFDS_DATA_DIR: {{value: "{{prefix}}/var/data"}}

# What `gpuenv create` and `gpuenv verify` prove.
# checks: [files, import, device, compute, train]
"""


def new_recipe_text(name: str, base: str = "tf-2.4") -> str:
    """Return the text of a valid recipe that extends another and explains what can be changed.

    Raises UsageError for a name that a recipe cannot have.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise UsageError(
            f"`{name}` cannot be the name of a recipe",
            hints=[Hint("recipe.name", "use letters, digits, dots and dashes: `gpuenv recipes init vision-2.4`")],
        )
    return _TEXT.format(
        name=name, base=base, quoted_base=json.dumps(base), summary=json.dumps(f"{name}, made from {base}")
    )
