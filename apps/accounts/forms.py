from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm

from apps.accounts.services.lockout import LockedOut


class LoginForm(AuthenticationForm):
    """The admin's. A lock is an error of the form."""

    def clean(self):
        try:
            return super().clean()
        except LockedOut as error:
            raise ValidationError(error.message) from None
