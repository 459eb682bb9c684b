"""Records of what was done in an account that leaves no other trace, or from outside of it."""

from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet, Subquery
from django.utils import timezone
from django.utils.encoding import escape_uri_path
from rest_framework.permissions import SAFE_METHODS

from apps.accounts.models import Account, AuditRecord, User
from apps.core.ratelimit import client_address

SHOWN = 500


def known_id(value: str | None) -> int | None:
    """The id that the text may be."""
    return int(value) if value and value.isdecimal() and len(value) <= 18 else None


def audit(
    *,
    action: str,
    actor: User,
    account_id: int | None = None,
    subject: str = "",
    details: dict | None = None,
    address: str = "",
) -> None:
    """Part of the caller's transaction: what was rolled back was never done."""
    AuditRecord.objects.create(
        action=action,
        actor=actor,
        actor_email=actor.email,
        account_id=account_id,
        subject=subject[:254],
        details=details or {},
        address=address,
    )


def audit_forget() -> int:
    """Deletes the records that are older than AUDIT_DAYS. Returns how many."""
    before = timezone.now() - timedelta(days=settings.AUDIT_DAYS)
    return AuditRecord.objects.filter(created_at__lt=before).delete()[0]


def is_staff(request) -> bool:
    return bool(request.user.is_staff and request.user.is_active)


class StaffAudit:
    """A view in which staff reach other accounts: each of their requests leaves one record, before anything is read.

    The record says what was asked, not what came out: one row for a list of however many accounts.
    It stands here since the views of other apps may not import this one's.
    """

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)  # who may not ask at all leaves no record
        if is_staff(request) and not self.asks_for_own():
            self._record(request)

    def asks_for_own(self) -> bool:
        """Whether the request is about the caller's own account alone."""
        return False

    def asked_account(self) -> QuerySet[Account] | None:
        """The one account that is asked for; None where there are several."""
        asked = known_id(self.request.query_params.get("account_id"))
        return Account.objects.filter(pk=asked) if asked else None

    def _record(self, request) -> None:
        reads, account = request.method in SAFE_METHODS, self.asked_account()
        audit(
            action=AuditRecord.Action.ACCOUNTS_READ if reads else AuditRecord.Action.ACCOUNTS_CHANGED,
            actor=request.user,
            # Looked up by the INSERT itself: an id that does not exist leaves a record of nobody's.
            account_id=None if account is None else Subquery(account.values("pk")[:1]),
            subject=f"{request.method} {escape_uri_path(request.path)}",
            details={"query": request.META.get("QUERY_STRING", "")[:SHOWN]},
            address=client_address(request),
        )
