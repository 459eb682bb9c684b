"""Every table belongs to an account, or is on this list with its reason; every relation of it is scoped."""

from django.apps import apps
from django.db import models

from apps.core.models import TenantModel

SHARED = {
    "core.RateCounter": "counts requests; its key names who",
    "accounts.Account": "is the tenant",
    "accounts.Plan": "what staff offer to all",
    "accounts.Industry": "the catalogue",
    "accounts.IndustrySector": "the catalogue",
    "accounts.User": "has an account but is found by address before it is known; staff have none",
    "accounts.TelegramSubscriber": "people of the platform's own bot",
    "accounts.TelegramInvite": "invites to it",
    "accounts.WebAppLogin": "what the dashboard's log-in has seen",
    "notifications.TelegramMessage": "notices to the bot's people",
    "accounts.AuditRecord": "what staff did across accounts; outlives them",
    "accounts.LoginSession": "belongs to a user; found by its id inside a signed token",
    "system.Heartbeat": "of our own processes",
    "planner.LibraryCell": "the library, counted",
    "planner.LibraryCount": "what was counted of the library",
    "planner.LibraryState": "the library's version",
    "planner.LibraryImport": "staff's files for the library",
    "planner.SeedKeyword": "the library, shared by all",
    "billing.CreditPackage": "what staff offer to all",
    "billing.CreditPrice": "staff's prices",
    "billing.CreditPriceChange": "the history of staff's prices",
    "billing.InvoiceSeries": "counts the seller's papers, whoever they are for",
    "billing.StripeEvent": "is stored before it is known whose it is",
    "billing.TaxRate": "staff's rates by country",
    "intelligence.ProductScore": "of products, which are for all",
    "intelligence.ScoringLease": "who scores which product",
    "intelligence.ProductSearch": "products, as the search sees them",
    "intelligence.SearchState": "how far that is",
    "intelligence.SearchWord": "the words of it",
    "intelligence.InternalCategory": "the platform's tree",
    "intelligence.CategoryMapping": "what shops' names mean in it",
    "intelligence.AIModel": "staff's list of models",
    "integration.DefaultSettings": "staff's defaults",
    "parsing.Source": "what is crawled, for all",
    "parsing.SourceRun": "a crawl of it",
    "parsing.Product": "what came home of it, for all",
    "parsing.ExternalCategory": "categories' names as shops call them",
    "parsing.Spider": "what workers can crawl with",
    "parsing.CrawlWorker": "a machine of ours",
}


def ours() -> list[type[models.Model]]:
    return [m for m in apps.get_models() if m.__module__.startswith("apps.")]


def test_every_model_is_tenant_scoped_or_listed():
    loose = {m._meta.label for m in ours() if not issubclass(m, TenantModel)}
    assert loose == set(SHARED)


def test_site_paths_of_tenant_models_exist():
    for model in ours():
        if issubclass(model, TenantModel) and model.tenant_site:
            model.objects.filter(**{f"{model.tenant_site}__in": [1]}).query  # noqa: B018  raises FieldError


def test_models_with_a_site_are_narrowed_by_it():
    for model in ours():
        names = {f.name for f in model._meta.fields}
        if issubclass(model, TenantModel) and "site" in names:
            assert model.tenant_site == "site_id", model
