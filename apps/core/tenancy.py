"""Who is asking: the one value that every tenant rule reads. Authentication (in accounts) makes it."""

from dataclasses import dataclass

from rest_framework.request import Request

ROLES = ("viewer", "editor", "admin", "owner")


@dataclass(frozen=True, slots=True)
class Tenant:
    """The account and what of it the caller may see.

    `site_ids` None means all sites of the account. `key_id` is set where an ApiKey speaks, which is bound to one site
    and has no role.
    """

    account_id: int
    account_status: str
    role: str
    site_ids: frozenset[int] | None = None
    user_id: int | None = None
    key_id: int | None = None
    user_active: bool = True
    disabled_modules: frozenset[str] = frozenset()

    @property
    def is_suspended(self) -> bool:
        """The account or the user is: only log-in, refresh, billing and log-out stay open."""
        return self.account_status != "active" or not self.user_active

    @property
    def is_key(self) -> bool:
        return self.key_id is not None

    def sees_site(self, site_id: int) -> bool:
        return self.site_ids is None or site_id in self.site_ids


def tenant_of(request: Request) -> Tenant | None:
    """The tenant of a request; None before authentication, for a stranger and for staff without an account."""
    return getattr(request, "tenant", None)
