"""The routes: those that are wanted, those that are more, and none that answers to a stranger."""

import re
from pathlib import Path

import pytest
from django.apps import apps

from apps.core.models import TenantModel
from tests.architecture.routes import routes, shape, wanted

# Routes that are wanted and not built yet; whoever builds one takes it off.
LATER = Path(__file__).with_name("routes_later.txt")
EXTRA = {
    "GET /api/v1/admin/billing/{}/proof/": "staff look at what they approve",
    "GET /api/v1/admin/credit-costs/history/": "who set which price, and when",
    "GET /api/v1/billing/plan/": "what a change of plan would cost, before it is made",
    "GET /api/v1/billing/usage/export/": "what was filtered, as CSV",
    "POST /api/v1/admin/credit-costs/": "saves what the GET shows",
    "POST /api/v1/billing/invoices/{}/pay/": "an invoice of a plan is paid too, and one that was left is taken up",
    "POST /api/v1/billing/plan/": "upgrade and downgrade",
    "POST /api/v1/billing/webhooks/stripe/": "Stripe calls it",
    "POST /api/v1/account/team/accept/": "the link of an invitation",
    "GET /api/v1/account/team/invitations/": "whom the account waits for",
    "DELETE /api/v1/account/team/invitations/{}/": "an invitation to the wrong address",
    "POST /api/v1/auth/email/verify/": "the mail with the link once more",
    "POST /api/v1/auth/email/verify/confirm/": "the link of that mail",
    "POST /api/v1/auth/email/change/": "another address, with the password",
    "POST /api/v1/auth/email/change/confirm/": "the link that the new address got",
    "GET /internal/sources/backlog/stats": "how large the backlog is and what the day's quota leaves",
    "GET /api/v1/linker/links/": "which links were put in, where, and for what reason",
    "GET /api/v1/linker/orphans/": "pages that nothing links to are what links are missing for",
    "GET /api/v1/linker/passes/": "what can be undone",
    "GET /api/v1/linker/passes/{}/": "the same",
    "POST /api/v1/linker/passes/{}/undo/": "takes the links of a pass out again",
    "GET /api/v1/optimizer/optimizations/": "what became of each article of a batch",
    "GET /api/v1/optimizer/optimizations/{}/": "its difference, too long for the result of a batch",
    "POST /api/v1/planner/clusters/merge/": "editors mend what clustering made: one cluster of several",
    "POST /api/v1/planner/clusters/move_keywords/": "the same: keywords into another cluster, or out of theirs",
    "POST /api/v1/planner/clusters/{}/lock/": "clustering leaves it alone",
    "POST /api/v1/planner/clusters/{}/split/": "several clusters of one",
    "POST /api/v1/planner/clusters/{}/unlock/": "and no longer",
    "GET /api/v1/planner/keywords/export/": "what was filtered, as CSV",
    "GET /api/v1/notifications/preferences/": "by which channels a user is told of what",
    "PUT /api/v1/notifications/preferences/": "the same",
    "GET /api/v1/notifications/webhooks/": "outbound webhooks: which addresses are told of what",
    "POST /api/v1/notifications/webhooks/": "a new one",
    "GET /api/v1/notifications/webhooks/{}/": "one of them",
    "PUT /api/v1/notifications/webhooks/{}/": "changed",
    "PATCH /api/v1/notifications/webhooks/{}/": "changed in part",
    "DELETE /api/v1/notifications/webhooks/{}/": "and taken away",
    "POST /api/v1/notifications/webhooks/{}/test/": "try it before something happens",
    "POST /api/v1/notifications/webhooks/{}/rotate_secret/": "a secret that was lost or seen",
    "GET /api/v1/notifications/webhooks/deliveries/": "what was sent, and what became of it",
    "GET /api/v1/notifications/webhooks/deliveries/{}/": "one of them",
    "POST /api/v1/notifications/webhooks/deliveries/{}/redeliver/": "what the receiver missed",
    "GET /api/v1/system/prompts/{}/diff/": "what two versions of a prompt differ in",
    "GET /api/v1/system/prompts/{}/versions/": "the history that `reset` goes back over",
    "GET /api/v1/system/settings/integrations/anthropic/": "a second provider of texts, set as OpenAI is",
    "PUT /api/v1/system/settings/integrations/anthropic/": "the same",
    "GET /api/v1/publisher/calendar/": "the plan of a site: what is out, what is to come, what is free",
    "GET /api/v1/integration/conflicts/": "what was changed in WordPress and here, and waits for a choice",
    "GET /api/v1/integration/conflicts/{}/": "both texts, what they were before, and what they differ in",
    "POST /api/v1/integration/conflicts/{}/resolve/": "the choice",
    "GET /api/v1/publisher/theme/": "how a hosted site looks",
    "PATCH /api/v1/publisher/theme/": "its colours, font, logo and footer",
    "PATCH /api/v1/integration/{}/": "one field of a connection without entering the password again",
    "GET /api/v1/writer/content/{}/versions/": "what an article was before, by whom",
    "GET /api/v1/writer/content/{}/versions/{}/": "what a version differs in from now",
    "POST /api/v1/writer/content/{}/check_links/": "which of its links do not answer any more",
    "POST /api/v1/writer/content/{}/restore/": "and back to it",
    "PATCH /api/v1/writer/images/{}/": "alternative text and caption without sending the rest",
    "GET /internal/categories": "the tree that names are mapped to",
    "GET /internal/scoring/axes": "workers read the axes where they stand",
    "GET /internal/telegram/subscribers/by-username/{}": "bots in use find people by it",
    "POST /internal/telegram/subscribers/{}/language": "subscribers choose their language",
    "POST /internal/telegram/subscribers/{}/subscribe": "topics are chosen one by one",
    "POST /internal/telegram/subscribers/{}/unsubscribe": "and left so",
    "GET /internal/telegram/topics/{}/subscribers": "who is told of a topic",
    "GET /internal/telegram/invites": "what is open",
    "POST /internal/telegram/invites": "a role for who has the password",
    "POST /internal/telegram/invites/claim": "and its one use",
    "DELETE /internal/telegram/invites/{}": "taken back",
}

pytestmark = pytest.mark.django_db


def test_every_extra_route_has_its_reason():
    asked = {f"{m} {shape(p)}" for m, p, _ in wanted()}
    have = {f"{r.method} {shape(r.path)}" for r in routes() if not r.path.startswith("/api/v1/internal/")}
    extra = have - asked
    assert extra == set(EXTRA), (
        f"no reason given: {sorted(extra - set(EXTRA))}; gone: {sorted(set(EXTRA) - extra)}"
    )


def test_every_wanted_route_is_there_or_waits_for_its_issue():
    have = {f"{r.method} {shape(r.path)}" for r in routes()}
    asked = {f"{m} {shape(p)}" for m, p, _ in wanted()}
    # The schema's own routes are no part of the schema.
    asked -= {f"GET /api/{name}/" for name in ("schema", "docs", "redoc")}
    later = set(LATER.read_text().split("\n")) - {""}
    assert asked - have == later, {
        "gone": sorted(asked - have - later),
        "built": sorted(later - (asked - have)),
    }


def test_keys_reach_the_marked_routes_and_no_other():
    """A key reaches what is marked `key`; where a marked route names several methods, a key reads."""
    marked = {(m, shape(p)): "key" in a for m, p, a in wanted()}
    wrong = []
    for route in routes():
        if not route.path.startswith("/api/v1/") or not hasattr(route.view, "key_actions"):
            continue
        reaches = route.action in route.view.key_actions
        if reaches != marked.get((route.method, shape(route.path)), False):
            wrong.append((route.name, reaches))
    assert not wrong


def test_a_stranger_gets_401_everywhere(anonymous):
    for route in routes():
        if not route.path.startswith("/api/v1/") or "internal" in route.path:
            continue
        if route.view.permission_classes and route.view.permission_classes[0].__name__ == "AllowAny":
            continue
        path = route.path
        path = path.replace("{prompt_type}", "content").replace("{key}", "publishing")
        path = path.replace("{task_id}", "5b1a7c4e-2f0c-4d57-9a3e-0d2f6f8f1c11")
        path = re.sub(r"{\w+}", "1", path)
        answer = getattr(anonymous, route.method.lower())(path)
        assert answer.status_code == 401, (route.name, answer.status_code)


def test_internal_routes_are_closed_to_strangers_on_both_mounts(anonymous):
    for route in routes():
        if "/internal/" not in route.path:
            continue
        if route.view.permission_classes and route.view.permission_classes[0].__name__ == "AllowAny":
            continue
        path = re.sub(r"{\w+}", "1", route.path)
        call = getattr(anonymous, route.method.lower())
        assert call(path).status_code == 401, route.name
        wrong = call(path, HTTP_X_INTERNAL_TOKEN="wrong")
        assert wrong.status_code == 403, route.name
        assert set(wrong.json()) == {"detail"}


def test_every_tenant_model_is_reached_by_the_walk_or_by_no_route():
    """Keeps the list of tenant models in sight: a new one must appear in the cross-tenant walk's world."""
    from tests.architecture.world import MODELS_WITHOUT_ROUTE, make_world

    made = {type(row) for row in make_world("Walker").rows}
    tenant = {m for m in apps.get_models() if issubclass(m, TenantModel)}
    missing = {m._meta.label for m in tenant - made}
    assert missing == set(MODELS_WITHOUT_ROUTE)
