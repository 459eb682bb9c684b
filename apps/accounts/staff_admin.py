"""Who of the staff changes whom."""

from django.http import HttpRequest

from apps.accounts.models import User


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    return request.user.is_superuser or user is None or not (user.is_staff or user.is_superuser)


class GuardsStaff:
    """Only a superuser changes members of staff, and gives rights.

    Who may change users would else make themselves superuser, or take one over by a new password or address.
    """

    RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")

    def get_readonly_fields(self, request, obj=None) -> list[str]:
        rights = () if request.user.is_superuser else self.RIGHTS
        return [*super().get_readonly_fields(request, obj), *rights]

    def has_change_permission(self, request, obj=None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request, obj=None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def get_deleted_objects(self, objs, request):
        deleted, counts, needed, protected = super().get_deleted_objects(objs, request)
        if not all(_may_touch(request, user) for user in objs):
            needed = {"members of staff"}
        return deleted, counts, needed, protected
