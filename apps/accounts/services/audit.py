"""Records of what was done in an account that leaves no other trace."""

from apps.accounts.models import AuditRecord, User


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
