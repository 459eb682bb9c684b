from django.conf import settings
from django.core.management.base import BaseCommand

from apps.parsing.crawler.__main__ import add_arguments, run


class Command(BaseCommand):
    help = "Crawls the shops of the queue parsing_tasks, and sends what it finds to the API over HTTP."
    requires_system_checks = ()

    def add_arguments(self, parser):
        add_arguments(parser, settings=settings)

    def handle(self, *args, **options):
        run(options)
