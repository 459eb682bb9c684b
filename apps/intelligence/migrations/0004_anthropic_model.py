from decimal import Decimal

from django.db import migrations


def load(apps, schema_editor):
    AIModel = apps.get_model("intelligence", "AIModel")
    # USD per 1,000 tokens; staff keep them current.
    AIModel.objects.get_or_create(
        provider="anthropic",
        name="claude-sonnet-4-5",
        kind="text",
        defaults={"cost_in": Decimal("0.003"), "cost_out": Decimal("0.015")},
    )


class Migration(migrations.Migration):
    dependencies = [("intelligence", "0003_own_providers_and_prompts")]

    operations = [migrations.RunPython(load, migrations.RunPython.noop)]
