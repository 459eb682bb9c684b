"""Alice and Bob: two accounts, each with an owner, a site and a sector. What is Alice's does not exist for Bob."""

import os
from dataclasses import dataclass

import pytest
from django.conf import settings as django_settings
from django.db.backends.postgresql.operations import DatabaseOperations
from rest_framework.test import APIClient

from apps.accounts.models import Account, Sector, Site, User
from apps.accounts.services.sessions import session_open
from apps.intelligence.known_models import known_models_load
from apps.intelligence.models import AIModel
from config.celery import app
from tests import conformance
from tests.factories import AccountFactory, SectorFactory, SiteFactory, UserFactory


def pytest_configure(config):
    """Each process of tests sends its messages to a broker database of its own: nobody else must take them.

    A test is one transaction, in which it may take its time; what it commits need not outlive the machine.
    """
    django_settings.DATABASES["default"]["OPTIONS"]["options"] = "-c synchronous_commit=off"
    DatabaseOperations.sql_flush = _sql_flush
    django_settings.CELERY_BROKER_URL = app.conf.broker_url = broker_of_tests(0)


def broker_of_tests(place: int) -> str:
    """One of the two broker databases of this process; the first is the product's own."""
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return f"{app.conf.broker_url.rsplit('/', 1)[0]}/{1 + 2 * process + place}"


def _sql_flush(self, style, tables, *, reset_sequences=False, allow_cascade=False) -> list[str]:
    """To truncate a hundred tables and their indexes takes a second, to delete from those that hold a few rows none."""
    names = ", ".join(f"'{name}'" for name in tables)
    loop = f"FOREACH name IN ARRAY ARRAY[{names}] LOOP EXECUTE format('DELETE FROM %I', name); END LOOP"
    return [f"DO $$ DECLARE name text; BEGIN SET CONSTRAINTS ALL DEFERRED; {loop}; END $$"] if tables else []


def pytest_ignore_collect(collection_path, config):
    """What needs real WordPress and RabbitMQ is asked for by name, as `make e2e` does."""
    if collection_path.name == "e2e_real" and not any("e2e_real" in arg for arg in config.args):
        return True
    return None


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {session_open(user=user)['access']}")
    return client


@dataclass
class Actor:
    """One account, as seen by one of its users."""

    account: Account
    user: User
    site: Site
    sector: Sector
    client: APIClient

    def as_role(self, role: str, **fields) -> APIClient:
        """A client of another user of the account, with this role."""
        return client_of(UserFactory(account=self.account, role=role, **fields))


def _actor(name: str) -> Actor:
    account = AccountFactory(name=name)
    user = UserFactory(account=account, email=f"{name.lower()}@example.com", first_name=name)
    site = SiteFactory(account=account, name=f"{name}'s site", slug=f"{name.lower()}-site")
    return Actor(account, user, site, SectorFactory(site=site), client_of(user))


@pytest.fixture(scope="session", autouse=True)
def _as_documented():
    """Every answer that a test gets is held against the OpenAPI document."""
    ask = APIClient.request

    def request(self, **more):
        response = ask(self, **more)
        conformance.check(response.wsgi_request, response)
        return response

    APIClient.request = request
    yield
    APIClient.request = ask


@pytest.fixture
def alice(db) -> Actor:
    return _actor("Alice")


@pytest.fixture
def bob(db) -> Actor:
    return _actor("Bob")


@pytest.fixture
def ai_models(db) -> None:
    """The models that a migration loads; a test with transactions of its own leaves an empty database behind."""
    known_models_load(AIModel)


@pytest.fixture
def anonymous() -> APIClient:
    return APIClient()


@pytest.fixture
def machine(db, settings) -> APIClient:
    """A client with the internal token."""
    settings.INTERNAL_API_TOKEN = ["the-token-of-tests"]
    client = APIClient()
    client.credentials(HTTP_X_INTERNAL_TOKEN="the-token-of-tests")
    return client


@pytest.fixture(autouse=True)
def _settings_of_tests(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path / "media")
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.RATE_LIMITS = dict.fromkeys(django_settings.RATE_LIMITS, 100_000)
    settings.STORAGES = {
        **django_settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def run_jobs(monkeypatch):
    """Runs the jobs that wait, in this process, as a worker would: claimed, leased, ended. Returns those that ended."""
    from apps.core import jobs
    from apps.core.models import Job

    monkeypatch.setattr(jobs, "enqueue", lambda job_id, kind: None)

    def run() -> list[Job]:
        ended = []
        while waiting := list(
            Job.objects.filter(state="pending").exclude(pk__in=ended).values_list("pk", flat=True)
        ):
            for pk in waiting:
                jobs.execute(pk)
                ended.append(pk)
        return list(Job.objects.filter(pk__in=ended).order_by("created_at"))

    return run
