"""Forms of the admin."""

from django import forms
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from unfold.forms import AdminPasswordChangeForm, AuthenticationForm, BaseDialogForm, UserCreationForm
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.accounts.models import User
from apps.accounts.services.lockout import LockedOut
from apps.accounts.services.sessions import password_change


class LoginForm(AuthenticationForm):
    """A lock is an error of the form."""

    def clean(self):
        try:
            return super().clean()
        except LockedOut as error:
            raise ValidationError(error.message) from None


class UserAddForm(UserCreationForm):
    class Meta:
        model = User
        fields = ["email", "account", "role"]


class PasswordForm(AdminPasswordChangeForm):
    """A password that staff set ends every token of the user, as any other does."""

    def save(self, commit: bool = True) -> User:
        if self.cleaned_data.get("set_usable_password") is False:
            return super().save(commit)
        password_change(user=self.user, password=self.cleaned_data["password1"])
        return self.user


class ImpersonateForm(BaseDialogForm):
    reason = forms.CharField(
        max_length=300, widget=UnfoldAdminTextInputWidget, help_text="Such as the number of the support case."
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.user = get_object_or_404(User, pk=self.object_id)

    def clean_reason(self) -> str:
        if self.user.is_staff or self.user.account_id is None:
            raise ValidationError("Nobody acts as a member of staff.")
        return self.cleaned_data["reason"]
