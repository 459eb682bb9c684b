"""Unpacking a body in steps of bounded size: httpx makes a chunk a thousand times larger."""

import zlib
from collections.abc import Iterable, Iterator

from apps.core.http.errors import BadAnswer

_STEP = 256 * 1024  # bytes


def inflated(chunks: Iterable[bytes], host: str) -> Iterator[bytes]:
    """The body unpacked (gzip of one or more members, zlib, bare deflate) in steps of bounded size."""
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
    started = bare = False
    try:
        for chunk in chunks:
            while True:
                try:
                    data = inflate.decompress(chunk, _STEP)
                except zlib.error:
                    if started or bare:
                        raise
                    bare, inflate = True, zlib.decompressobj(-zlib.MAX_WBITS)
                    continue
                started = True
                if data:
                    yield data
                chunk = inflate.unconsumed_tail
                if inflate.eof:
                    chunk = inflate.unused_data
                    if not chunk.startswith(b"\x1f\x8b"):
                        break
                    inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
                elif not chunk and len(data) < _STEP:
                    break
    except zlib.error as exc:
        raise BadAnswer(f"The compressed answer of {host} is damaged.") from exc
    if started and not inflate.eof:
        raise BadAnswer(f"The compressed answer of {host} is cut short.")
