"""Take files out of NVIDIA's archives, in one pass over the data, and refuse archives that are made to do harm.

`extract` reads the archive once: while it is decompressed it is hashed, and every wanted member is hashed while it is
written to where it belongs.
"""

from gpuenv.archive.limits import Limits
from gpuenv.archive.take import extract, names

__all__ = ["Limits", "extract", "names"]
