from importlib import import_module

from django.apps import AppConfig
from django.core.checks import Error, register
from django.core.exceptions import ImproperlyConfigured


@register
def internal_addresses_are_networks(**kwargs) -> list[Error]:
    from apps.core.internal import address_allowed

    try:
        address_allowed("127.0.0.1")
    except ImproperlyConfigured as error:
        return [Error(str(error), id="core.E001")]
    return []


class CoreConfig(AppConfig):
    name = "apps.core"

    def ready(self):
        # Whoever sets Django up, web server or command, sends its tasks through our Celery app.
        import_module("config.celery")
        from apps.core import internal_schema  # noqa: F401  registers itself
