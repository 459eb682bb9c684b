from importlib import import_module

from django.apps import AppConfig
from django.core.checks import Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder


@register
def internal_addresses_are_networks(**kwargs) -> list[Error]:
    from apps.core.internal import address_allowed

    try:
        address_allowed("127.0.0.1")
    except ImproperlyConfigured as error:
        return [Error(str(error), id="core.E001")]
    return []


@register(Tags.database)
def old_migrations_are_applied(databases=None, **kwargs) -> list[Error]:
    """A migration of whose `replaces` only some are applied is left out by Django, and nothing is said."""
    errors = []
    replacing = MigrationLoader(None).replacements
    for alias in databases or ():
        applied = MigrationRecorder(connections[alias]).applied_migrations().keys()
        for (app, name), migration in replacing.items():
            missing = [old for old in migration.replaces if old not in applied]
            if missing and not applied.isdisjoint({(app, name), *migration.replaces}):
                errors.append(
                    Error(
                        f"{app}.{name} replaces migrations that this database has in part. "
                        f"Missing: {', '.join(old for _, old in missing)}.",
                        hint="Run manage.py migrate of the last version that has these files, then of this one.",
                        id="core.E002",
                    )
                )
    return errors


class CoreConfig(AppConfig):
    name = "apps.core"

    def ready(self):
        # Whoever sets Django up, web server or command, sends its tasks through our Celery app.
        import_module("config.celery")
        from apps.core import internal_schema  # noqa: F401  registers itself
