"""The admin's parts that all apps share. Staff look at what accounts made, and correct it by actions of their own."""

from django.contrib import admin
from unfold.admin import ModelAdmin, TabularInline

from apps.core.models import Job


class ReadOnly:
    """For admins and inlines: to look at."""

    def has_add_permission(self, request, obj=None) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


class DeletesWhole:
    """Deleting takes along what hangs on it, also what staff may only look at."""

    def get_deleted_objects(self, objs, request):
        deleted, counts, _, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, set(), protected


class Panel(ReadOnly, TabularInline):
    """A part of an account's page: its newest rows of one kind, a page of them at a time."""

    fk_name = "account"
    tab = True
    extra = 0
    per_page = 20
    show_change_link = True
    ordering = ["-pk"]

    def get_readonly_fields(self, request, obj=None):
        return self.fields


@admin.register(Job)
class JobAdmin(ReadOnly, ModelAdmin):
    list_display = [
        "id",
        "kind",
        "account",
        "state",
        "current",
        "total",
        "attempts",
        "created_at",
        "finished_at",
    ]
    list_filter = ["state", "kind"]
    list_select_related = ["account"]
    search_fields = ["=id", "account__name", "error"]
    date_hierarchy = "created_at"


class FailurePanel(Panel):
    model = Job
    verbose_name_plural = "failures"
    ordering = ["-created_at"]
    fields = ["kind", "created_at", "finished_at", "attempts", "error_code", "error"]

    def get_queryset(self, request):
        return super().get_queryset(request).filter(state=Job.State.FAILED)
