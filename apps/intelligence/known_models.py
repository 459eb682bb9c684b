"""The models that a new database knows. Staff keep them current; a further one needs a migration that loads again."""

from decimal import Decimal

# provider, name, kind, testing, default, USD per 1,000 tokens in, out, per image.
MODELS = [
    ("offline", "offline", "text", False, False, "0", "0", "0"),
    ("offline", "offline", "image", False, False, "0", "0", "0"),
    ("openai", "gpt-4.1", "text", False, True, "0.002", "0.008", "0"),
    ("openai", "gpt-4.1-mini", "text", True, True, "0.0004", "0.0016", "0"),
    ("openai", "gpt-image-1", "image", False, True, "0", "0", "0.042"),
    ("openai", "text-embedding-3-small", "embedding", False, True, "0.00002", "0", "0"),
    ("anthropic", "claude-sonnet-4-5", "text", False, False, "0.003", "0.015", "0"),
]


def known_models_load(model) -> None:
    """Store those that are not there; one that is stays as staff left it. `model`: AIModel, a migration has its own."""
    for provider, name, kind, testing, default, cost_in, cost_out, cost_image in MODELS:
        model.objects.get_or_create(
            provider=provider,
            name=name,
            kind=kind,
            defaults={
                "testing": testing,
                "default": default,
                "cost_in": Decimal(cost_in),
                "cost_out": Decimal(cost_out),
                "cost_image": Decimal(cost_image),
            },
        )
