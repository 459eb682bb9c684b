from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from apps.accounts.models import (
    Account,
    ApiKey,
    Industry,
    IndustrySector,
    Plan,
    Sector,
    Site,
    Subscription,
    TelegramInvite,
    TelegramSubscriber,
    User,
)


class SubscriptionInline(TabularInline):
    model = Subscription
    extra = 0
    fields = ["plan", "status", "anchor"]


class UserInline(TabularInline):
    model = User
    extra = 0
    fields = ["email", "role", "is_active"]
    show_change_link = True


@admin.register(Account)
class AccountAdmin(ModelAdmin):
    list_display = ["name", "status", "created_at"]
    list_filter = ["status"]
    search_fields = ["name", "users__email"]
    inlines = [SubscriptionInline, UserInline]


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
    prepopulated_fields = {"slug": ["name"]}


class UserAddForm(UserCreationForm):
    class Meta:
        model = User
        fields = ["email", "account", "role"]


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserAddForm
    change_password_form = AdminPasswordChangeForm
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


class SectorInline(TabularInline):
    model = Sector
    extra = 0
    fields = ["industry_sector", "name", "is_active"]
    autocomplete_fields = ["industry_sector"]


@admin.register(Site)
class SiteAdmin(ModelAdmin):
    list_display = ["name", "domain", "account", "industry", "is_hosted", "is_active"]
    list_filter = ["is_active", "is_hosted", "industry"]
    list_select_related = ["account", "industry"]
    search_fields = ["name", "domain", "account__name"]
    autocomplete_fields = ["account", "industry"]
    inlines = [SectorInline]


class IndustrySectorInline(TabularInline):
    model = IndustrySector
    extra = 0
    fields = ["name", "slug", "description", "is_active"]


@admin.register(Industry)
class IndustryAdmin(ModelAdmin):
    list_display = ["name", "slug", "is_active"]
    search_fields = ["name"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [IndustrySectorInline]


@admin.register(IndustrySector)
class IndustrySectorAdmin(ModelAdmin):
    list_display = ["name", "industry", "slug", "is_active"]
    list_filter = ["industry", "is_active"]
    list_select_related = ["industry"]
    search_fields = ["name", "industry__name"]


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    list_display = ["name", "prefix", "site", "account", "created_at", "last_used_at", "revoked_at"]
    list_select_related = ["site", "account"]
    search_fields = ["name", "prefix", "site__name"]
    readonly_fields = ["prefix", "site", "account", "created_by", "created_at", "last_used_at"]
    exclude = ["key_hash"]

    def has_add_permission(self, request) -> bool:
        return False


@admin.register(TelegramSubscriber)
class TelegramSubscriberAdmin(ModelAdmin):
    list_display = ["chat_id", "name", "slug", "role", "language", "is_active", "created_at"]
    list_filter = ["role", "is_active", "language"]
    search_fields = ["=chat_id", "name", "slug"]


@admin.register(TelegramInvite)
class TelegramInviteAdmin(ModelAdmin):
    list_display = ["username", "name", "role", "created_at", "expires_at", "claimed_at", "claimed_by"]
    list_filter = ["role"]
    list_select_related = ["claimed_by"]
    search_fields = ["username", "name"]
    exclude = ["password"]

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False
