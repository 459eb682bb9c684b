"""The dashboard's people on the internal routes: a token that `webapp/auth` gave, in place of the machines' one."""

from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS

from apps.accounts.models import TelegramRole, TelegramSubscriber
from apps.accounts.services.webapp import dashboard_subscriber
from apps.core.internal import InternalCaller


class DashboardCaller(InternalCaller):
    """A superadmin may do all; an admin reads all, and writes in the areas that the permissions name."""

    def __init__(self, subscriber: TelegramSubscriber):
        super().__init__(f"telegram:{subscriber.chat_id}")
        self.subscriber = subscriber

    def check(self, request, view) -> None:
        reads = request.method in SAFE_METHODS and not getattr(view, "hands_out", False)
        if reads or self.subscriber.role == TelegramRole.SUPERADMIN:
            return
        # Without an area it is a superadmin's alone: so is giving out roles, or an admin could take any.
        area = getattr(view, "dashboard_area", None)
        if area is None:
            raise exceptions.PermissionDenied("Only a superadmin may do this.")
        if area not in self.subscriber.permissions:
            raise exceptions.PermissionDenied(
                f"You may only read here. A superadmin can give you the permission {area}."
            )


def dashboard_of(token: str) -> DashboardCaller | None:
    """Who sends this token; None for one that no dashboard was given, and for who is no admin any more."""
    subscriber = dashboard_subscriber(token=token)
    return DashboardCaller(subscriber) if subscriber else None
