"""The models that providers offer, and what an account sets of its own: providers and prompts."""

from django.conf import settings
from django.db import models

from apps.core.fields import EncryptedTextField
from apps.core.models import TenantModel


class AIModel(models.Model):
    """A model that a provider offers, and what it costs us."""

    class Provider(models.TextChoices):
        OFFLINE = "offline"
        OPENAI = "openai"
        ANTHROPIC = "anthropic"

    class Kind(models.TextChoices):
        TEXT = "text"
        IMAGE = "image"
        EMBEDDING = "embedding"

    name = models.CharField(max_length=100)
    provider = models.CharField(max_length=20, choices=Provider)
    kind = models.CharField(max_length=10, choices=Kind)
    testing = models.BooleanField(default=False, help_text="Cheap; what `use_testing` takes.")
    default = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    cost_in = models.DecimalField(
        max_digits=12, decimal_places=6, default=0, help_text="USD per 1,000 tokens in."
    )
    cost_out = models.DecimalField(
        max_digits=12, decimal_places=6, default=0, help_text="USD per 1,000 tokens out."
    )
    cost_image = models.DecimalField(max_digits=12, decimal_places=6, default=0, help_text="USD per image.")

    class Meta:
        ordering = ["provider", "kind", "name"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "name", "kind"], name="ai_model_once"),
            models.UniqueConstraint(
                fields=["kind", "testing"], condition=models.Q(default=True), name="one_default_ai_model"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.name}"


class ProviderSettings(TenantModel):
    """An account's own provider: its key, address and models. What is empty is the platform's.

    `anthropic` writes texts only. `image_generation` speaks OpenAI's API; without a key and an address of its
    own it uses those of `openai`.
    """

    tenant_site = None

    class Kind(models.TextChoices):
        OPENAI = "openai"
        ANTHROPIC = "anthropic"
        IMAGES = "image_generation"

    class Size(models.TextChoices):
        LANDSCAPE = "1536x1024"
        SQUARE = "1024x1024"
        PORTRAIT = "1024x1536"

    kind = models.CharField(max_length=20, choices=Kind)
    enabled = models.BooleanField(default=True)
    api_key = EncryptedTextField(blank=True, default="")
    base_url = models.CharField(max_length=300, blank=True, default="")
    model = models.CharField(max_length=100, blank=True, default="")
    testing_model = models.CharField(
        max_length=100, blank=True, default="", help_text="What automation takes for `use_testing`."
    )
    size = models.CharField(max_length=9, choices=Size, default=Size.LANDSCAPE)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "provider settings"
        constraints = [models.UniqueConstraint(fields=["account", "kind"], name="provider_settings_once")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.account_id}"

    @property
    def has_access(self) -> bool:
        """A server of one's own may want no key."""
        return bool(self.api_key or (self.base_url and self.kind != self.Kind.ANTHROPIC))


class PromptVersion(TenantModel):
    """What an account made of a prompt, one row a save, never changed. The newest is in force.

    An empty template is a reset: the default is in force, and follows when the product changes it.
    """

    tenant_site = None

    prompt_type = models.CharField(max_length=40)
    version = models.PositiveIntegerField()
    template = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(fields=["account", "prompt_type", "version"], name="prompt_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.prompt_type} {self.version} of {self.account_id}"
