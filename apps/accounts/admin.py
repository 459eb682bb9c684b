"""What staff see of accounts and people. What a service counts or ends is counted and ended here too."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db import transaction
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin, StackedInline, TabularInline
from unfold.decorators import action, display
from unfold.forms import UserChangeForm

from apps.accounts import telegram_admin  # noqa: F401  registers itself
from apps.accounts.forms import ImpersonateForm, PasswordForm, UserAddForm
from apps.accounts.models import (
    Account,
    ApiKey,
    AuditRecord,
    Industry,
    IndustrySector,
    Invitation,
    LoginSession,
    Plan,
    Sector,
    Site,
    Subscription,
    User,
)
from apps.accounts.resources import IndustryResource, IndustrySectorResource
from apps.accounts.services.keys import api_key_revoke, site_delete
from apps.accounts.services.limits import limits_recount
from apps.accounts.services.sessions import session_impersonate
from apps.accounts.staff_admin import GuardsStaff
from apps.core.admin import DeletesWhole, FailurePanel, Panel, ReadOnly
from apps.core.csv_admin import CsvAdmin
from apps.core.ratelimit import client_address


class SubscriptionInline(StackedInline):
    model = Subscription
    extra = 0
    fields = ["plan", "status", "anchor", "paid_until", "next_plan"]
    # An account without a plan can do nothing, not even say so.
    min_num = 1
    can_delete = False

    def get_formset(self, request, obj=None, **kwargs):
        return super().get_formset(request, obj, validate_min=True, **kwargs)


class UserPanel(Panel):
    model = User
    verbose_name_plural = "users"
    fields = ["email", "role", "is_active", "email_verified_at", "last_login"]


class SitePanel(Panel):
    model = Site
    verbose_name_plural = "sites"
    fields = ["name", "domain", "timezone", "is_hosted", "is_active"]


@admin.register(Account)
class AccountAdmin(ModelAdmin):
    list_display = ["name", "status", "plan", "balance", "created_at"]
    list_filter = ["status", "created_at"]
    search_fields = ["=id", "name", "users__email"]
    readonly_fields = ["balance", "created_at"]
    # Apps above this one add their panels: the ledger, runs.
    inlines = [SubscriptionInline, UserPanel, SitePanel, FailurePanel]
    fieldsets = [
        (None, {"fields": ["name", "status", "balance", "timezone", "locale", "created_at"]}),
        (
            "On invoices",
            {
                "classes": ["collapse"],
                "fields": [
                    "tax_id",
                    "billing_name",
                    "billing_line1",
                    "billing_line2",
                    "billing_city",
                    "billing_region",
                    "billing_postal_code",
                    "billing_country",
                ],
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        plan = Subscription.objects.filter(account=OuterRef("pk"), status=Subscription.Status.ACTIVE)
        return (
            super()
            .get_queryset(request)
            .annotate(plan_name=Subquery(plan.values("plan__name")[:1]), credits=F("credit_balance__balance"))
        )

    @display(description="Plan", ordering="plan_name")
    def plan(self, account: Account) -> str:
        return account.plan_name or "none"

    @display(description="Balance", ordering="credits")
    def balance(self, account: Account) -> str:
        return "no movement yet" if account.credits is None else f"{account.credits:,} credits"

    def has_delete_permission(self, request, obj=None) -> bool:
        # An account that ends is closed: its invoices stay.
        return False


@admin.register(Plan)
class PlanAdmin(ModelAdmin):
    list_display = [
        "name",
        "price",
        "currency",
        "monthly_credits",
        "max_sites",
        "max_users",
        "max_keywords",
        "is_default",
    ]
    list_filter = ["is_active"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}


@admin.register(User)
class UserAdmin(GuardsStaff, DeletesWhole, DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserAddForm
    change_password_form = PasswordForm
    ordering = ["email"]
    list_display = ["email", "account", "role", "is_active", "is_staff", "last_login"]
    list_filter = ["role", "is_active", "is_staff"]
    list_select_related = ["account"]
    search_fields = ["email", "first_name", "last_name", "account__name"]
    autocomplete_fields = ["account"]
    fieldsets = [
        (None, {"fields": ["email", "password", "first_name", "last_name"]}),
        ("Account", {"fields": ["account", "role", "all_sites", "email_verified_at"]}),
        ("Staff", {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "account", "role", "password1", "password2"]})]
    readonly_fields = ["last_login", "date_joined"]
    filter_horizontal = ["groups", "user_permissions"]
    actions_detail = ["impersonate"]

    def has_impersonate_permission(self, request, object_id=None) -> bool:
        return request.user.has_perm("accounts.impersonate_user")

    @action(
        description="Act as this user",
        url_path="impersonate",
        permissions=["impersonate"],
        dialog={
            "title": "Act as this user",
            "description": "A record with your name and the reason is kept.",
            "form_class": ImpersonateForm,
            "form_submit_text": "Begin",
        },
    )
    def impersonate(self, request: HttpRequest, form: ImpersonateForm, object_id: int) -> HttpResponse:
        token = session_impersonate(
            user=form.user,
            staff=request.user,
            reason=form.cleaned_data["reason"],
            address=client_address(request),
        )
        context = {"user": form.user, "token": token}
        return TemplateResponse(request, "admin/accounts/impersonate.html", context)

    def save_model(self, request, obj, form, change) -> None:
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            for account_id in {form.initial.get("account"), obj.account_id} - {None}:
                limits_recount(account_id=account_id)

    def delete_model(self, request, obj) -> None:
        self.delete_queryset(request, User.objects.filter(pk=obj.pk))

    def delete_queryset(self, request, queryset) -> None:
        with transaction.atomic():
            accounts = set(queryset.exclude(account=None).values_list("account_id", flat=True))
            queryset.delete()
            for account_id in sorted(accounts):
                limits_recount(account_id=account_id)


@admin.register(Invitation)
class InvitationAdmin(ReadOnly, ModelAdmin):
    list_display = ["email", "account", "role", "status", "invited_by", "created_at", "expires_at"]
    list_filter = ["status", "role"]
    list_select_related = ["account", "invited_by"]
    search_fields = ["email", "account__name"]
    exclude = ["code"]


@admin.register(LoginSession)
class LoginSessionAdmin(ReadOnly, ModelAdmin):
    list_display = ["user", "address", "user_agent", "created_at", "refreshed_at", "ended_at", "impersonator"]
    list_select_related = ["user", "impersonator"]
    list_filter = [("impersonator", admin.EmptyFieldListFilter), ("ended_at", admin.EmptyFieldListFilter)]
    search_fields = ["user__email", "=address"]
    exclude = ["jti"]


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnly, ModelAdmin):
    list_display = ["created_at", "actor_email", "action", "account", "subject", "address"]
    list_filter = [
        "action",
        ("account", admin.EmptyFieldListFilter),
        ("actor", admin.RelatedOnlyFieldListFilter),
        "created_at",
    ]
    list_select_related = ["account"]
    search_fields = ["actor_email", "subject", "account__name", "=account__id", "=address"]
    date_hierarchy = "created_at"


class SectorInline(TabularInline):
    model = Sector
    extra = 0
    fields = ["industry_sector", "name", "is_active"]
    autocomplete_fields = ["industry_sector"]


@admin.register(Site)
class SiteAdmin(DeletesWhole, ModelAdmin):
    list_display = ["name", "domain", "account", "industry", "is_hosted", "is_active"]
    list_filter = ["is_active", "is_hosted", "industry"]
    list_select_related = ["account", "industry"]
    search_fields = ["name", "domain", "account__name"]
    autocomplete_fields = ["account", "industry"]
    inlines = [SectorInline]
    readonly_fields = ["created_at", "updated_at"]

    def has_add_permission(self, request) -> bool:
        # With its sectors, settings and place in the plan a site is made by its account.
        return False

    def delete_model(self, request, obj) -> None:
        site_delete(site=obj)

    def delete_queryset(self, request, queryset) -> None:
        for site in queryset:
            site_delete(site=site)


class IndustrySectorInline(TabularInline):
    model = IndustrySector
    extra = 0
    fields = ["name", "slug", "description", "is_active"]


@admin.register(Industry)
class IndustryAdmin(CsvAdmin):
    resource_classes = [IndustryResource]
    list_display = ["name", "slug", "is_active"]
    search_fields = ["name"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [IndustrySectorInline]


@admin.register(IndustrySector)
class IndustrySectorAdmin(CsvAdmin):
    resource_classes = [IndustrySectorResource]
    list_display = ["name", "industry", "slug", "is_active"]
    list_filter = ["industry", "is_active"]
    list_select_related = ["industry"]
    search_fields = ["name", "industry__name"]


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnly, ModelAdmin):
    list_display = ["name", "prefix", "site", "account", "created_at", "last_used_at", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["site", "account"]
    search_fields = ["name", "prefix", "site__name", "account__name"]
    exclude = ["key_hash"]
    actions = ["revoke"]

    @action(description="Revoke")
    def revoke(self, request: HttpRequest, queryset: QuerySet) -> None:
        for key in queryset:
            api_key_revoke(key=key)
