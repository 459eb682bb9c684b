"""JSON in: strict UTF-8, no lone surrogates, no NaN, no NUL, whatever field it would land in."""

from typing import Any

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


def _path_of_nul(value: Any, path: str = "") -> str | None:
    if isinstance(value, str):
        return path or "body" if "\x00" in value else None
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        if isinstance(key, str) and "\x00" in key:
            return path or "body"
        found = _path_of_nul(inner, f"{path}.{key}" if path else str(key))
        if found:
            return found
    return None


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None) -> Any:
        raw = stream.read()
        try:
            data = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is no valid JSON: {error}.") from None
        if b"\\u0000" in raw and (path := _path_of_nul(data)):
            raise ParseError(f"{path}: null characters are not allowed.")
        return data
