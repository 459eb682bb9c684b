import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import mail
from rest_framework.test import APIClient

from config.celery import app
from tests.conftest import Actor


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """Celery's own tasks run where they are sent, as a worker would run them a moment later."""
    monkeypatch.setattr(app, "send_task", lambda name, args, **options: app.tasks[name].apply(args))
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


@pytest.fixture
def verified(alice) -> Actor:
    """Alice, who followed the link of her first mail."""
    from django.utils import timezone

    alice.user.email_verified_at = timezone.now()
    alice.user.save()
    return alice


@dataclass
class Inbox:
    run_jobs: object

    def last(self, to: str):
        self.run_jobs()
        return next(m for m in reversed(mail.outbox) if m.to == [to])

    def token(self, to: str) -> str:
        """Of the link in the last mail to an address."""
        link = re.search(r"https?://\S+token=\S+", self.last(to).body)[0]
        return parse_qs(urlsplit(link).query)["token"][0]


@pytest.fixture
def inbox(run_jobs) -> Inbox:
    return Inbox(run_jobs)


def fresh() -> APIClient:
    return APIClient()
