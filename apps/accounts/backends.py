"""Every way of logging in by a password goes through here, the admin's form too."""

from django.contrib.auth.backends import AllowAllUsersModelBackend

from apps.accounts.services.lockout import attempt_succeeded, attempt_take
from apps.core.ratelimit import client_address


class LockingBackend(AllowAllUsersModelBackend):
    """Raises LockedOut after repeated failures.

    A suspended user logs in, reads the bill and leaves; the permission class closes the rest, the admin all of it.
    """

    def authenticate(self, request, username=None, password=None, **kwargs):
        email = (username or kwargs.get("email") or "").strip().lower()
        address = client_address(request) if request is not None else ""
        attempt_take(email=email, address=address)
        user = super().authenticate(request, username=email, password=password)
        if user is not None:
            attempt_succeeded(email=email, address=address)
        return user
