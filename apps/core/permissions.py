"""Who may do what: one table, one permission class. The default denies."""

from dataclasses import dataclass

from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission

from apps.core.tenancy import ROLES, tenant_of

RANK = {role: rank for rank, role in enumerate(ROLES)}


@dataclass(frozen=True, slots=True)
class Area:
    """The least role that reads and the least that writes; `suspended` = stays open to a suspended account.

    `staff`: "only" is for members of staff, whatever their role; "too" also lets in those without an account.
    """

    read: str = "owner"
    write: str = "owner"
    suspended: bool = False
    staff: str = ""


# A view names its area. An area that is not here, or a view that names none, is closed.
AREAS = {
    "content": Area(
        read="viewer", write="editor"
    ),  # planner, writer, linker, optimizer, publisher, automation
    "library": Area(read="viewer", write="editor"),
    "sites": Area(read="viewer", write="admin"),
    "users": Area(read="admin", write="admin"),
    "integrations": Area(read="viewer", write="admin"),
    "settings": Area(read="viewer", write="admin"),
    "account": Area(read="viewer", write="owner"),
    "accounts": Area(read="viewer", write="owner", staff="too"),  # staff read across accounts
    "staff": Area(staff="only"),
    "usage": Area(read="viewer", write="owner", suspended=True),  # balance, usage, transactions
    "money": Area(read="owner", write="owner", suspended=True),  # invoices, payments, plan
    "person": Area(read="viewer", write="viewer", staff="too"),  # the caller's own password and address
    "own": Area(read="viewer", write="viewer"),  # what belongs to the caller, or to all
    "notices": Area(read="viewer", write="editor"),  # shared by the account: who reads may mark, not delete
    "leave": Area(read="viewer", write="viewer", suspended=True, staff="too"),  # log-out
}


class AccountSuspended(PermissionDenied):
    default_detail = (
        "This account or user is suspended. Settle what is open under billing, or write to support."
    )
    app_code = "ACCOUNT_SUSPENDED"


class ModuleDisabled(PermissionDenied):
    app_code = "MODULE_DISABLED"

    def __init__(self, module: str):
        super().__init__(
            f"The module {module} is switched off. An admin can switch it on at system/modules/."
        )


class TenantPermission(BasePermission):
    """Reads `area`, `key_actions` (what an ApiKey reaches) and `read_actions` (POSTs that only read) of the view."""

    def has_permission(self, request, view) -> bool:
        tenant, area = tenant_of(request), AREAS[view.area]
        if tenant is None and not (request.user and request.user.is_authenticated):
            raise NotAuthenticated("Log in first: send `Authorization: Bearer <access token>`.")
        if area.staff == "only" or (area.staff and tenant is None):
            if request.user.is_staff and request.user.is_active:
                return True
            raise PermissionDenied("This route is for members of staff.")
        if tenant is None:
            raise PermissionDenied("This user belongs to no account; staff work in the admin.")
        action = getattr(view, "action", None) or request.method.lower()
        if tenant.is_suspended and not area.suspended:
            raise AccountSuspended
        # A module is an app, so that no view can forget to say whose it is.
        module = type(view).__module__.split(".")[1]
        if module in tenant.disabled_modules:
            raise ModuleDisabled(module)
        if tenant.is_key:
            if action not in getattr(view, "key_actions", ()):
                raise PermissionDenied("An ApiKey does not reach this route. Log in as a user.")
            return True
        reads = request.method in SAFE_METHODS or action in getattr(view, "read_actions", ())
        least = area.read if reads else area.write
        if RANK[tenant.role] < RANK[least]:
            raise PermissionDenied(f"This needs the role {least} in the account; yours is {tenant.role}.")
        return True
