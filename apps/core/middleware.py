"""What every answer carries: a request id, the rate-limit headers, and early refusals of what no view should read."""

import logging
import re
import uuid
from contextvars import ContextVar

from django.conf import settings
from django.http import JsonResponse

from apps.core.errors import body
from apps.core.ratelimit import take_by_address

_request_id: ContextVar[str] = ContextVar("request_id", default="-")
_SANE = re.compile(r"[A-Za-z0-9._-]{8,64}")
_INTERNAL = ("/internal/", "/api/v1/internal/")
_LARGE_BODIES = ("/internal/ingest-batch", "/api/v1/internal/ingest-batch")


class RequestIdFilter(logging.Filter):
    def filter(self, record) -> bool:
        record.request_id = _request_id.get()
        return True


class RequestIdMiddleware:
    """X-Request-ID: taken over when it is a sane token, else made; in every log line and every answer."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request.request_id = given if _SANE.fullmatch(given) else uuid.uuid4().hex
        token = _request_id.set(request.request_id)
        try:
            response = self.get_response(request)
        finally:
            _request_id.reset(token)
        response["X-Request-ID"] = request.request_id
        return response


def _refusal(request):
    if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
        return 400, "VALIDATION_ERROR", "Null characters are not allowed in an address."
    length = request.META.get("CONTENT_LENGTH") or "0"
    if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower() and not request.META.get(
        "CONTENT_LENGTH"
    ):
        return 411, "VALIDATION_ERROR", "Send the body with a Content-Length, not in chunks."
    if length.isdigit():
        upload = (request.content_type or "").startswith("multipart/")
        limit = settings.MAX_UPLOAD_BYTES if upload else settings.MAX_BODY_BYTES
        if request.path in _LARGE_BODIES:
            limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if int(length) > limit:
            return 413, "PAYLOAD_TOO_LARGE", f"The body may hold at most {limit:,} bytes. Send it in parts."
    return None


class ApiMiddleware:
    """The rate-limit headers of /api/v1/, also on answers that no view made; refusals before any parsing."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if not request.path.startswith(("/api/", "/internal/")):
            return self.get_response(request)
        internal = request.path.startswith(_INTERNAL)
        refused = _refusal(request)
        if refused:
            status, code, sentence = refused
            response = JsonResponse({"detail": sentence} if internal else body(sentence, code), status=status)
        else:
            response = self.get_response(request)
            if response.status_code == 301 and not internal:
                # Django would redirect, which turns a POST into a GET: say it instead.
                sentence = f"There is no route {request.path}; it ends with a slash: {request.path}/"
                response = JsonResponse(body(sentence, "NOT_FOUND"), status=404)
        if internal or not request.path.startswith("/api/v1/"):
            return response
        rate = getattr(request, "rate", None)
        if rate is None:
            # Nobody was counted yet: no such route, or credentials that were refused. Guessing must cost too.
            rate = take_by_address(request, "general")
            if rate.exceeded:
                sentence = f"Too many requests. Try again in {int(rate.wait) + 1} seconds."
                response = JsonResponse(body(sentence, "RATE_LIMITED"), status=429)
                response["Retry-After"] = str(int(rate.wait) + 1)
        response["X-RateLimit-Limit"] = str(rate.limit)
        response["X-RateLimit-Remaining"] = str(rate.remaining)
        response["X-RateLimit-Reset"] = str(rate.reset)
        return response
