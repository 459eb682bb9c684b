"""The Celery application. Queues, time limits and the beat schedule stand in settings."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("igny8")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# The app of every thread, not of the importing one alone: a web server's threads send tasks too.
app.set_default()
