"""JSON in: strict UTF-8, no lone surrogates, no NaN, no NUL, whatever field it would land in."""

import re
from typing import Any

import orjson
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser

# A pair of surrogates, half of one, a null character, any other escape: in this order, none is taken for another.
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|(\\u0000)|\\."
)


def _mended(match: re.Match[bytes]) -> bytes:
    half, null = match.groups()
    return b"\\ufffd" if half else b"" if null else match.group()


def _path_of_nul(data: Any) -> str | None:
    """Where a null character stands, by a walk that no depth can break."""
    left = [(data, "")]
    while left:
        value, path = left.pop()
        if isinstance(value, str):
            if "\x00" in value:
                return path or "body"
            continue
        pairs = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for key, inner in pairs:
            if isinstance(key, str) and "\x00" in key:
                return path or "body"
            left.append((inner, f"{path}.{key}" if path else str(key)))
    return None


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None) -> Any:
        raw = self.read(stream)
        try:
            data = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is no valid JSON: {error}.") from None
        if b"\\u0000" in raw and (path := _path_of_nul(data)):
            raise ValidationError({path[:200]: ["Null characters are not allowed."]})
        return data

    def read(self, stream) -> bytes:
        return stream.read()


class MendingJSONParser(StrictJSONParser):
    """For lists of which one entry must not spoil the others, as models write them: null characters are dropped, half a
    surrogate pair becomes U+FFFD."""

    def read(self, stream) -> bytes:
        raw = stream.read()
        return _ESCAPES.sub(_mended, raw) if b"\\u" in raw else raw
