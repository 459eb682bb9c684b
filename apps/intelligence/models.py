from django.db import models


class AIModel(models.Model):
    """A model that a provider offers, and what it costs us."""

    class Provider(models.TextChoices):
        OFFLINE = "offline"
        OPENAI = "openai"

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
