"""The plain pages behind the links of mails, for where no dashboard has its own.

Opening one changes nothing, as programs that look into mail open links too: its button does.
"""

from django import forms
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from apps.accounts.services.links import link_read
from apps.accounts.services.passwords import address_change, address_verify, password_reset
from apps.accounts.services.team import invitation_accept, invitation_read
from apps.core.errors import AppError
from apps.core.ratelimit import take_by_address


class TokenForm(forms.Form):
    token = forms.CharField(max_length=1000, widget=forms.HiddenInput)


class NewPasswordForm(TokenForm):
    new_password = forms.CharField(
        max_length=256, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )


class AcceptForm(TokenForm):
    first_name = forms.CharField(max_length=80, required=False)
    last_name = forms.CharField(max_length=80, required=False)
    password = forms.CharField(
        max_length=256, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )


@method_decorator([never_cache, sensitive_post_parameters()], name="dispatch")
class LinkPage(View):
    """A link's page: the form, and what its button does."""

    purpose = ""
    title = ""
    button = ""
    done = ""
    form_class: type[forms.Form] = TokenForm

    def look(self, token: str) -> str:
        """What the page says of a good link. Raises AppError for one that is not."""
        link_read(purpose=self.purpose, token=token)
        return ""

    def act(self, **data) -> None:
        raise NotImplementedError

    def dispatch(self, request, *args, **kwargs):
        rate = take_by_address(request, "auth")
        if rate.exceeded:
            answer = self._page(
                error=f"Too many requests. Try again in {int(rate.wait) + 1} seconds.", status=429
            )
            answer["Retry-After"] = str(int(rate.wait) + 1)
            return answer
        return super().dispatch(request, *args, **kwargs)

    def get(self, request):
        token = request.GET.get("token", "")[:1000]
        try:
            text = self.look(token)
        except AppError as error:
            return self._refused(error)
        return self._page(form=self.form_class(initial={"token": token}), text=text)

    def post(self, request):
        form = self.form_class(request.POST)
        if not form.is_valid():
            return self._page(form=form, status=400)
        try:
            self.act(**form.cleaned_data)
        except AppError as error:
            if "token" in (error.details or {"token": 1}):
                return self._refused(error)
            for field, sentences in error.details.items():
                form.add_error(field if field in form.fields else None, sentences)
            return self._page(form=form, status=error.status)
        return self._page(text=self.done)

    def _refused(self, error: AppError):
        sentence = (error.details or {}).get("token", [error.message])[0]
        return self._page(error=sentence, status=error.status)

    def _page(self, status: int = 200, **context):
        context = {"title": self.title, "button": self.button, **context}
        return render(self.request, "accounts/link.html", context, status=status)


class VerifyPage(LinkPage):
    purpose = "verify"
    title = "Verify your e-mail address"
    button = "Verify the address"
    done = "Your e-mail address is verified. You can close this page."

    def act(self, token: str) -> None:
        address_verify(token=token)


class ChangePage(LinkPage):
    purpose = "change"
    title = "Change your e-mail address"
    button = "Use the new address"
    done = "Your e-mail address was changed. Log in with it."

    def look(self, token: str) -> str:
        _, old, new, _ = link_read(purpose=self.purpose, token=token)
        return f"From {old} to {new}."

    def act(self, token: str) -> None:
        address_change(token=token)


class ResetPage(LinkPage):
    purpose = "reset"
    title = "Choose a new password"
    button = "Set the password"
    done = "The password was changed. Log in with it."
    form_class = NewPasswordForm

    def look(self, token: str) -> str:
        return f"For {link_read(purpose=self.purpose, token=token)[1]}."

    def act(self, **data) -> None:
        password_reset(**data)


class InvitationPage(LinkPage):
    purpose = "invitation"
    title = "Accept the invitation"
    button = "Join"
    done = "Welcome. Log in with your e-mail address and the password you chose."
    form_class = AcceptForm

    def look(self, token: str) -> str:
        invitation = invitation_read(token=token)
        return (
            f"You join the account “{invitation.account.name}” as {invitation.role}, with {invitation.email}."
        )

    def act(self, **data) -> None:
        invitation_accept(**data)
