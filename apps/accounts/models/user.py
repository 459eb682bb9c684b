"""People and their log-ins."""

import uuid
from collections.abc import Iterator

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from apps.accounts.models.account import Account
from apps.core.models import TenantQuerySet


class UserManager(BaseUserManager.from_queryset(TenantQuerySet)):
    def create_user(self, email: str, password: str | None = None, **fields) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str, **fields) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, email: str) -> "User":
        return self.get(email=email.strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person of one account; staff may have none."""

    tenant_site = None

    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        EDITOR = "editor"
        VIEWER = "viewer"

    account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.CASCADE, related_name="users"
    )
    email = models.EmailField(max_length=254, unique=True)
    first_name = models.CharField(max_length=80, blank=True)
    last_name = models.CharField(max_length=80, blank=True)
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    all_sites = models.BooleanField(
        default=True, help_text="Sees all sites of the account, else those granted."
    )
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    email_verified_at = models.DateTimeField(null=True, blank=True)
    token_generation = models.PositiveIntegerField(
        default=0, help_text="Raised to end every token at once, as a password change does."
    )
    date_joined = models.DateTimeField(default=timezone.now)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        permissions = [("impersonate_user", "Can act as a user of an account")]
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_lower_case"),
        ]

    def __str__(self) -> str:
        return self.email

    def clean(self):
        super().clean()
        self.email = self.email.strip().lower()

    def get_session_auth_hash(self) -> str:
        """What ends every token ends the browser's sessions too."""
        return f"{super().get_session_auth_hash()}:{self.token_generation}"

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        for old in super().get_session_auth_fallback_hash():
            yield f"{old}:{self.token_generation}"

    def get_full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.email

    def get_short_name(self) -> str:
        return self.first_name or self.email


class LoginSession(models.Model):
    """A family of refresh tokens: one log-in. Only `jti` is good; an older one of the family ends it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    jti = models.CharField(max_length=40)
    address = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    impersonator = models.ForeignKey(
        User, null=True, on_delete=models.CASCADE, related_name="+", help_text="Staff who act as the user."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    refreshed_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.id)
