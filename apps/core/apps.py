from importlib import import_module

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "apps.core"

    def ready(self):
        # Whoever sets Django up, web server or command, sends its tasks through our Celery app.
        import_module("config.celery")
        from apps.core import internal_schema  # noqa: F401  registers itself
