"""Bring archives: from the cache, from where a browser put them, or by download; whole, and with the right hash.

`fetch` is what everybody else calls. Nothing here knows what is in an archive: `gpuenv.archive` opens them.
"""

from gpuenv.fetch.cache import Cache, Kept
from gpuenv.fetch.found import find_downloaded
from gpuenv.fetch.get import fetch
from gpuenv.fetch.licence import accept, unaccepted
from gpuenv.fetch.options import FetchOptions, options_from

__all__ = ["Cache", "FetchOptions", "Kept", "accept", "fetch", "find_downloaded", "options_from", "unaccepted"]
