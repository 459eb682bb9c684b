"""What only browsers need: session, its user, messages. An API call that reads and brings no cookie goes past them."""

from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions


class _ForBrowsers:
    """There is no session to read without a cookie, and no GET of the API opens one."""

    def __call__(self, request):
        if (
            request.method == "GET"
            and "HTTP_COOKIE" not in request.META
            and request.path.startswith("/api/v1/")
        ):
            return self.get_response(request)
        return super().__call__(request)


class SessionMiddleware(_ForBrowsers, sessions.SessionMiddleware):
    pass


class AuthenticationMiddleware(_ForBrowsers, auth.AuthenticationMiddleware):
    pass


class MessageMiddleware(_ForBrowsers, messages.MessageMiddleware):
    pass
