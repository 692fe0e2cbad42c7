"""Bring archives: from the cache, from where a browser put them, or by download; whole, and with the right hash.

`fetch` is what everybody else calls. Nothing here knows what is in an archive: `gpuenv.archive` opens them.
"""

from gpuenv.fetch.get import FetchOptions, fetch
from gpuenv.fetch.licence import accept, unaccepted

__all__ = ["FetchOptions", "accept", "fetch", "unaccepted"]
