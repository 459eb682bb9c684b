from django.apps import AppConfig


class LinkerConfig(AppConfig):
    name = "apps.linker"
