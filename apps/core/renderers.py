"""JSON out: the envelope is put around what a view answers, here and nowhere else."""

from decimal import Decimal
from typing import Any

import orjson
from django.utils.functional import Promise
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response


class Unwrapped(dict):
    """A body that is complete as it is: a page of a list, an error."""


def respond(data: Any, message: str = "", status: int = 200) -> Response:
    """An answer with the envelope's optional message."""
    response = Response(data, status=status)
    response.envelope_message = message
    return response


def _default(value: Any) -> Any:
    if isinstance(value, Decimal | Promise):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value)} is no JSON")


def dumps(data: Any) -> bytes:
    return orjson.dumps(data, default=_default, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


class EnvelopeRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type=None, renderer_context=None) -> bytes:
        response = (renderer_context or {}).get("response")
        if isinstance(data, Unwrapped):
            return dumps(dict(data))
        answer = {"success": True, "data": data}
        message = getattr(response, "envelope_message", "")
        if message:
            answer["message"] = message
        return dumps(answer)


class JsonNegotiation(DefaultContentNegotiation):
    """DRF's, but who asks for anything, or for JSON alone, need not be negotiated with."""

    def select_renderer(self, request, renderers, format_suffix=None):
        meta = request._request.META
        first, accepted = renderers[0], meta.get("HTTP_ACCEPT", "*/*")
        named = format_suffix or (meta.get("QUERY_STRING") and "format" in request.query_params)
        if not named and accepted in ("*/*", first.media_type):
            return first, first.media_type
        return super().select_renderer(request, renderers, format_suffix)
