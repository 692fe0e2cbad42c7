"""A toolkit directory (`bin`, `include`, `lib64` or `lib/x64`) and what of NVIDIA's archives is staged into it.

The directory is an installed CUDA Toolkit, or one of the same shape inside an environment. `layout` says where the
members of an archive belong; `place` puts them there, all or none, and takes them out again; `ledger` is what is
written down about it.
"""

from gpuenv.toolkit.layout import layout_of
from gpuenv.toolkit.ledger import StagedArchive, read_ledger
from gpuenv.toolkit.place import Undone, Wanted, is_unsettled, look, settle, stage, unstage
from gpuenv.toolkit_files import problems

__all__ = [
    "StagedArchive",
    "Undone",
    "Wanted",
    "is_unsettled",
    "layout_of",
    "look",
    "problems",
    "read_ledger",
    "settle",
    "stage",
    "unstage",
]
