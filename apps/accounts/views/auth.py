from django.contrib.auth import authenticate, login, logout
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.serializers.auth import (
    AccountSerializer,
    LoggedInSerializer,
    LoginSerializer,
    RefreshSerializer,
    RegisterSerializer,
    TokensSerializer,
    UserSerializer,
)
from apps.accounts.services.accounts import account_register
from apps.accounts.services.sessions import session_end, session_open, session_refresh
from apps.core.errors import AppError
from apps.core.ratelimit import client_address
from apps.core.renderers import respond
from apps.core.schema import also


class WrongCredentials(AppError):
    status = 401
    code = "NOT_AUTHENTICATED"


class PublicView(APIView):
    """Open to everybody; counted by address."""

    authentication_classes: tuple = ()
    permission_classes = (AllowAny,)
    rate_scope = "auth"

    def validated(self, serializer_class) -> dict:
        serializer = serializer_class(data=self.request.data, context={"request": self.request})
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data


def logged_in(request, user, status: int) -> Response:
    """Opens the browser session and the token family."""
    login(request._request, user, backend="apps.accounts.backends.LockingBackend")
    tokens = session_open(
        user=user, address=client_address(request), user_agent=request.headers.get("User-Agent", "")
    )
    account = AccountSerializer(user.account).data if user.account_id else None
    return Response({**tokens, "user": UserSerializer(user).data, "account": account}, status=status)


class RegisterView(PublicView):
    @extend_schema(request=RegisterSerializer, responses={201: LoggedInSerializer}, auth=[])
    def post(self, request):
        """Make an account on the free plan, and its owner."""
        return logged_in(request, account_register(**self.validated(RegisterSerializer)), 201)


class LoginView(PublicView):
    @extend_schema(request=LoginSerializer, responses=LoggedInSerializer, auth=[], extensions=also("401"))
    def post(self, request):
        """Log in by e-mail; opens a browser session too. After repeated failures: 429, for some minutes."""
        data = self.validated(LoginSerializer)
        user = authenticate(
            request._request, username=data["email"].strip().lower(), password=data["password"]
        )
        if user is None:
            raise WrongCredentials("The e-mail address or the password is wrong.")
        return logged_in(request, user, 200)


class RefreshView(PublicView):
    @extend_schema(request=RefreshSerializer, responses=TokensSerializer, auth=[], extensions=also("401"))
    def post(self, request):
        """Rotate the refresh token. A token used twice ends its whole session."""
        return Response(session_refresh(**self.validated(RefreshSerializer)))


class LogoutView(APIView):
    area = "leave"
    rate_scope = "auth"

    @extend_schema(request=RefreshSerializer, responses={200: None})
    def post(self, request):
        """End the session of this refresh token, and the browser's."""
        serializer = RefreshSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        session_end(user=request.user, refresh=serializer.validated_data["refresh"])
        logout(request._request)
        return respond(None, "Logged out.")
