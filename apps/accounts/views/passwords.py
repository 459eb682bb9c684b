"""Passwords and addresses: changed by who knows the password, or proved by a link in a mail."""

from celery.exceptions import OperationalError
from django.contrib.auth import logout
from drf_spectacular.utils import extend_schema
from rest_framework.views import APIView

from apps.accounts.serializers.auth import (
    EmailChangeSerializer,
    EmailConfirmSerializer,
    PasswordChangeSerializer,
    PasswordResetConfirmSerializer,
    PasswordResetSerializer,
)
from apps.accounts.services.mails import user_mail
from apps.accounts.services.passwords import (
    address_change,
    address_change_mail,
    address_verify,
    address_verify_mail,
    password_reset,
)
from apps.accounts.services.sessions import password_change
from apps.accounts.tasks import request_password_reset
from apps.accounts.views.auth import PublicView
from apps.core.errors import AppError
from apps.core.renderers import respond


class MailUnavailable(AppError):
    status = 503
    code = "SERVICE_UNAVAILABLE"


class PersonView(APIView):
    """What a user does with their own password and address."""

    area = "person"
    rate_scope = "auth"

    def validated(self, serializer_class) -> dict:
        # The statement that authenticates leaves the password's hash in the database.
        self.request.user.refresh_from_db()
        serializer = serializer_class(data=self.request.data, context={"request": self.request})
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data


class PasswordChangeView(PersonView):
    @extend_schema(request=PasswordChangeSerializer, responses={200: None})
    def post(self, request):
        """Change the password; every session of the user ends, this one included."""
        password_change(user=request.user, password=self.validated(PasswordChangeSerializer)["new_password"])
        user_mail(name="password", user=request.user)
        logout(request._request)
        return respond(None, "The password was changed. Log in again.")


class PasswordResetView(PublicView):
    @extend_schema(request=PasswordResetSerializer, responses={200: None}, auth=[])
    def post(self, request):
        """Send a link for a new password, where a user has this address. The answer is always the same."""
        email = self.validated(PasswordResetSerializer)["email"]
        try:
            request_password_reset.apply_async([email], retry=False)
        except (OSError, OperationalError):
            raise MailUnavailable("The mail can not be sent just now. Try again in a few minutes.") from None
        return respond(None, "If there is a user with this address, a mail with a link is on its way.")


class PasswordResetConfirmView(PublicView):
    @extend_schema(request=PasswordResetConfirmSerializer, responses={200: None}, auth=[])
    def post(self, request):
        """Set a new password by the link of the mail, once; every session of the user ends."""
        password_reset(**self.validated(PasswordResetConfirmSerializer))
        return respond(None, "The password was changed. Log in with it.")


class EmailVerifyView(PersonView):
    @extend_schema(request=None, responses={200: None}, operation_id="auth_email_verify")
    def post(self, request):
        """Send the link that proves the caller's address once more."""
        address_verify_mail(user=request.user)
        return respond(None, "A mail with a link is on its way.")


class EmailChangeView(PersonView):
    @extend_schema(request=EmailChangeSerializer, responses={200: None})
    def post(self, request):
        """Ask for another address: its link, which goes there, makes the change."""
        data = self.validated(EmailChangeSerializer)
        address_change_mail(user=request.user, email=data["email"])
        return respond(None, "A mail with a link is on its way to the new address. Nothing changes before.")


class EmailVerifyConfirmView(PublicView):
    @extend_schema(request=EmailConfirmSerializer, responses={200: None}, auth=[])
    def post(self, request):
        """Prove the address by the link of the mail."""
        address_verify(**self.validated(EmailConfirmSerializer))
        return respond(None, "Your e-mail address is verified.")


class EmailChangeConfirmView(PublicView):
    @extend_schema(request=EmailConfirmSerializer, responses={200: None}, auth=[])
    def post(self, request):
        """Move to the new address by the link of the mail; every session of the user ends."""
        address_change(**self.validated(EmailConfirmSerializer))
        return respond(None, "Your e-mail address was changed. Log in with it.")
