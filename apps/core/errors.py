"""Every error that leaves the product: the base class, the one exception handler, and Django's own error pages."""

import logging
from http import HTTPStatus

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DataError, IntegrityError
from django.db.models import ProtectedError, RestrictedError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from rest_framework import exceptions
from rest_framework.response import Response

from apps.core.renderers import Unwrapped

log = logging.getLogger(__name__)


class AppError(Exception):
    """An error with a sentence for the user. Subclasses are defined where they are raised."""

    status = 400
    code = "VALIDATION_ERROR"
    headers: dict[str, str] | None = None

    def __init__(self, message: str, *, details: dict | None = None, code: str | None = None):
        super().__init__(message)
        self.message = message
        self.details = details
        self.code = code or self.code


class Conflict(AppError):
    """A state that forbids the action."""

    status = 409
    code = "CONFLICT"


class Forbidden(AppError):
    """What the caller's role, or who they are, does not allow."""

    status = 403
    code = "PERMISSION_DENIED"


class NotFound(AppError):
    status = 404
    code = "NOT_FOUND"


class Invalid(AppError):
    """Input that does not fit, found below the serializer. `field` names where."""

    def __init__(self, field: str, message: str):
        super().__init__(f"{field}: {message}", details={field: [message]})


CODES = {
    400: "VALIDATION_ERROR",
    401: "NOT_AUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "VALIDATION_ERROR",
    409: "CONFLICT",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "RATE_LIMITED",
    500: "INTERNAL_ERROR",
    502: "UPSTREAM_ERROR",
    503: "SERVICE_UNAVAILABLE",
}


def body(error: str, code: str, details: dict | None = None) -> Unwrapped:
    answer = Unwrapped(success=False, error=error, code=code)
    if details:
        answer["details"] = details
    return answer


def first_sentence(detail, path: str = "") -> str:
    """The first message of a nest of field errors, with the name of its field."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            if isinstance(key, int):  # of a list
                name = f"{path}[{key}]"
            else:
                name = path if key == "non_field_errors" else f"{path}.{key}" if path else str(key)
            return first_sentence(value, name)
    if isinstance(detail, list):
        for i, value in enumerate(detail):
            if value:
                nested = isinstance(value, dict | list)
                return first_sentence(value, f"{path}[{i}]" if nested else path)
    return f"{path}: {detail}" if path else str(detail)


def exception_handler(exc: Exception, context: dict) -> Response | None:
    """DRF's EXCEPTION_HANDLER. What it does not know becomes Django's 500."""
    match exc:
        case AppError():
            return Response(body(exc.message, exc.code, exc.details), status=exc.status, headers=exc.headers)
        case exceptions.ValidationError():
            detail = exc.detail if isinstance(exc.detail, dict) else {"non_field_errors": exc.detail}
            return Response(body(first_sentence(detail), "VALIDATION_ERROR", detail), status=400)
        case exceptions.Throttled():
            seconds = int(exc.wait or 60) + 1
            return Response(
                body(f"Too many requests. Try again in {seconds} seconds.", "RATE_LIMITED"),
                status=429,
                headers={"Retry-After": str(seconds)},
            )
        case exceptions.APIException():
            code = getattr(exc, "app_code", None) or CODES.get(exc.status_code, "VALIDATION_ERROR")
            headers = {"WWW-Authenticate": exc.auth_header} if getattr(exc, "auth_header", None) else None
            sentence = first_sentence(exc.detail)
            if (
                isinstance(exc, exceptions.NotFound)
                and exc.detail.code == "not_found"
                and "page" not in sentence
            ):
                sentence = "Not found."
            return Response(body(sentence, code), status=exc.status_code, headers=headers)
        case Http404():
            return Response(body("Not found.", "NOT_FOUND"), status=404)
        case DjangoPermissionDenied():
            return Response(body("You may not do this.", "PERMISSION_DENIED"), status=403)
        case RequestDataTooBig():
            return Response(body("The body is too large.", "PAYLOAD_TOO_LARGE"), status=413)
        case DjangoValidationError():
            detail = exc.message_dict if hasattr(exc, "error_dict") else {"non_field_errors": exc.messages}
            return Response(body(first_sentence(detail), "VALIDATION_ERROR", detail), status=400)
        case ProtectedError() | RestrictedError():
            return Response(
                body("Something still uses it. Delete or move that first.", "CONFLICT"), status=409
            )
        case IntegrityError():
            log.warning("a constraint refused a request", exc_info=exc)
            return Response(
                body("It conflicts with something that exists already. Reload and try again.", "CONFLICT"),
                status=409,
            )
        case DataError():
            log.warning("the database refused a value", exc_info=exc)
            return Response(
                body(
                    "A value is out of range or holds a character that can not be stored.", "VALIDATION_ERROR"
                ),
                status=400,
            )
    return None


def _plain(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    """An error made outside of DRF, in the form of the route it was asked at."""
    if request.path.startswith(("/internal/", "/api/v1/internal/")):
        return JsonResponse({"detail": sentence}, status=status)
    if request.path.startswith("/api/"):
        return JsonResponse(body(sentence, CODES[status]), status=status)
    return render(
        request,
        "error.html",
        {"status": status, "title": HTTPStatus(status).phrase, "sentence": sentence},
        status=status,
    )


def handler400(request, exception=None):
    return _plain(request, 400, "The request could not be read.")


def handler403(request, exception=None):
    return _plain(request, 403, "You may not do this.")


def handler404(request, exception=None):
    return _plain(
        request,
        404,
        "Not found."
        if not request.path.startswith("/api/")
        else f"There is no route {request.path}. See /api/docs/.",
    )


def handler500(request):
    request_id = getattr(request, "request_id", "-")
    return _plain(request, 500, f"Something went wrong on our side. Tell us this request id: {request_id}")


def csrf_failure(request, reason=""):
    return _plain(
        request, 403, "The CSRF token is missing or wrong. Reload the page, or log in with a Bearer token."
    )
