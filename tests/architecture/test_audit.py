"""Staff who reach other accounts leave a record of it: one a request, however many accounts it is about."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import AuditRecord
from apps.accounts.services.audit import StaffAudit
from apps.core.permissions import AREAS
from tests.architecture.routes import routes
from tests.conftest import client_of
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
ADMIN = "/api/v1/admin/"


def test_every_view_of_staff_leaves_a_record():
    areas = {name for name, area in AREAS.items() if area.staff == "only"}
    found = {r.view for r in routes() if r.path.startswith(ADMIN) or getattr(r.view, "area", "") in areas}
    assert len(found) >= 9
    assert not [view.__name__ for view in found if not issubclass(view, StaffAudit)]


def test_each_route_leaves_one_in_one_statement(alice):
    staff = client_of(UserFactory(account=None, is_staff=True))
    wrong = []
    for route in routes():
        if not route.path.startswith(ADMIN):
            continue
        path = route.path.replace("{id}", str(alice.account.pk))
        before = AuditRecord.objects.count()
        with CaptureQueriesContext(connection) as captured:
            getattr(staff, route.method.lower())(path, *([{}] if route.method != "GET" else []))
        inserts = [q for q in captured if 'INSERT INTO "accounts_auditrecord"' in (q["sql"] or "")]
        if AuditRecord.objects.count() != before + 1 or len(inserts) != 1:
            wrong.append((route.name, len(inserts)))
    assert not wrong


def test_who_is_refused_leaves_none(alice, anonymous):
    for client in (anonymous, alice.client):
        assert client.get(f"{ADMIN}users/").status_code in (401, 403)
    assert not AuditRecord.objects.exists()
