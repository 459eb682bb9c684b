"""The frame of /internal/: the token, raw JSON, `{"detail"}` errors. What every route for machines derives from."""

import hmac
import ipaddress
import logging
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from rest_framework import authentication, exceptions
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core import errors
from apps.core.ratelimit import client_address
from apps.core.renderers import dumps

log = logging.getLogger(__name__)
HEADER = "X-Internal-Token"


class InternalCaller:
    """Stands in `request.user` where an internal token speaks. `name` is the token's."""

    is_authenticated = True
    is_anonymous = False
    is_staff = False
    is_active = True
    pk = id = None

    def __init__(self, name: str):
        self.name = name

    def check(self, request, view) -> None:
        """Raises PermissionDenied for what this caller may not do. A token of ours may do all."""


def tokens() -> list[tuple[str, str]]:
    """(name, token) of all that are good now; two may have the same name."""
    given = settings.INTERNAL_API_TOKEN
    given = given.split(",") if isinstance(given, str) else given or []
    given = [t.strip() for t in given if t and t.strip()]
    names = list(settings.INTERNAL_API_TOKEN_NAMES)
    return [(names[n] if n < len(names) else f"token-{n + 1}", token) for n, token in enumerate(given)]


def _name_of(token: str) -> str | None:
    found = None
    for name, good in tokens():  # all of them, whichever fits: the time tells nothing
        if hmac.compare_digest(good.encode(), token.encode("utf-8", "surrogateescape")):
            found = name
    return found


@lru_cache(maxsize=4)
def _networks(entries: tuple[str, ...]) -> tuple:
    try:
        return tuple(ipaddress.ip_network(entry.strip(), strict=False) for entry in entries)
    except ValueError as error:
        raise ImproperlyConfigured(f"INTERNAL_ALLOW_IPS: {error}. Give addresses or CIDR.") from error


def address_allowed(address: str) -> bool:
    """Whether INTERNAL_ALLOW_IPS, where it is set, holds the address."""
    networks = _networks(tuple(settings.INTERNAL_ALLOW_IPS))
    if not networks:
        return True
    try:
        asked = ipaddress.ip_address(address)
    except ValueError:
        return False
    asked = getattr(asked, "ipv4_mapped", None) or asked
    return any(asked in network for network in networks)


class InternalTokenAuthentication(authentication.BaseAuthentication):
    """`X-Internal-Token`: 401 without one, 403 for a wrong one, a strange address, or while none is set."""

    def authenticate(self, request):
        address = client_address(request)
        if not address_allowed(address):
            log.warning("internal route refused to %s: not in INTERNAL_ALLOW_IPS", address)
            raise exceptions.PermissionDenied("Your address may not call the internal routes.")
        if not tokens():
            raise exceptions.PermissionDenied(
                "The internal routes are closed: the operator has set no INTERNAL_API_TOKEN."
            )
        token = request.headers.get(HEADER, "")
        if not token:
            return self._bearer(request, address)
        name = _name_of(token)
        if name is None:
            log.warning("internal route refused to %s: wrong token", address)
            raise exceptions.PermissionDenied(f"The {HEADER} is wrong.")
        log.info("internal token %s used by %s: %s %s", name, address, request.method, request.path)
        return InternalCaller(name), name

    def _bearer(self, request, address: str):
        """A person's token in place of a machine's, where `INTERNAL_BEARER` names who knows it."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        caller: InternalCaller | None = import_string(settings.INTERNAL_BEARER)(token.strip())
        if caller is None:
            return None
        log.info("internal token %s used by %s: %s %s", caller.name, address, request.method, request.path)
        return caller, caller.name

    def authenticate_header(self, request) -> str:
        return HEADER


class InternalPermission(BasePermission):
    def has_permission(self, request, view) -> bool:
        if not isinstance(request.user, InternalCaller):
            raise exceptions.NotAuthenticated(f"Send the internal token as the header {HEADER}.")
        request.user.check(request, view)
        return True


class RawRenderer(BaseRenderer):
    """JSON as it is: no envelope."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type=None, renderer_context=None) -> bytes:
        return dumps(data)


def listed(detail: Any, loc: tuple = ("body",)) -> Iterator[dict]:
    """Field errors as a flat list of {"loc": ["body", "source_ids", 0], "msg", "type"}."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            yield from listed(value, loc if key == "non_field_errors" else (*loc, key))
    elif isinstance(detail, list):
        for n, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            yield from listed(value, (*loc, n) if nested else loc)
    else:
        yield {"loc": list(loc), "msg": str(detail), "type": getattr(detail, "code", None) or "value_error"}


class Unprocessable(errors.AppError):
    """422: `details` is a nest of field errors as of a serializer, `where` "body" or "query"."""

    status = 422

    def __init__(self, details: dict | list, where: str = "body"):
        super().__init__("The input does not fit.", details=details)
        self.where = where


def exception_handler(exc: Exception, context: dict) -> Response | None:
    """As `{"detail": …}`: a sentence, or for 422 the list of what does not fit."""
    match exc:
        case Unprocessable():
            return Response({"detail": list(listed(exc.details, (exc.where,)))}, status=422)
        case errors.AppError() if exc.status == 400:
            details = exc.details or {"non_field_errors": [exc.message]}
            return Response({"detail": list(listed(details))}, status=422)
        case exceptions.ValidationError():
            return Response({"detail": list(listed(exc.detail))}, status=422)
        case exceptions.ParseError():
            return Response({"detail": list(listed([exc.detail]))}, status=422)
    response = errors.exception_handler(exc, context)
    if response is not None:
        # A value that only the database refused is input that does not fit as well.
        status = 422 if response.status_code == 400 else response.status_code
        sentence = response.data["error"]
        response.data = {"detail": list(listed([sentence])) if status == 422 else sentence}
        response.status_code = status
    return response


class InternalView(APIView):
    """A route for machines. Validate with `self.body(Serializer)` and `self.params(Serializer)`."""

    authentication_classes = (InternalTokenAuthentication,)
    permission_classes = (InternalPermission,)
    renderer_classes = (RawRenderer,)
    throttle_classes = ()

    def get_exception_handler(self):
        return exception_handler

    def body(self, serializer_class, **kwargs) -> Any:
        """The request's body through a serializer; raises the 422."""
        return self._validated(serializer_class, self.request.data, "body", **kwargs)

    def params(self, serializer_class, **kwargs) -> Any:
        """The query parameters through a serializer; raises the 422."""
        return self._validated(serializer_class, self.request.query_params, "query", **kwargs)

    def _validated(self, serializer_class, data, where: str, **kwargs) -> Any:
        serializer = serializer_class(data=data, context={"request": self.request, "view": self}, **kwargs)
        if not serializer.is_valid():
            raise Unprocessable(serializer.errors, where)
        return serializer.validated_data
