"""The whole walk of a keyword file: library, workflow, seven stages, published pages."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from apps.accounts.models import Sector, Site
from apps.automation.models import Run
from apps.automation.services.runs import run_start
from apps.integration.services.settings import site_settings
from apps.planner.services.files import library_ids
from apps.planner.services.library import ImportResult, keywords_add, keywords_import


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a walk goes. 0 is no limit."""

    articles: int = 20
    images: int = 1


def walk_settings(*, site: Site, limits: Limits) -> None:
    """The site approves and publishes by itself, at once, `limits.articles` articles a run."""
    settings = site_settings(site_id=site.pk, account_id=site.account_id)
    settings.auto_approval_enabled = settings.auto_publish_enabled = True
    settings.publish_time_slots = []
    settings.daily_publish_limit = settings.weekly_publish_limit = settings.monthly_publish_limit = 0
    settings.delay_within_stage = settings.delay_between_stages = 0
    settings.max_images = limits.images
    for stage in settings.stages:
        stage["enabled"] = True
        stage["per_run_limit"] = limits.articles if stage["number"] in (2, 3, 4, 5) else 0
    settings.save()


def file_import(
    *, path: Path, sector: Sector, country: str | None, progress: Callable[[int], None] | None = None
) -> tuple[ImportResult, dict]:
    """Imports a file into the library and adds its keywords to the site's workflow.

    `progress` is told the number of rows read. Raises what keywords_import raises.
    """
    with path.open("rb") as file:
        imported = keywords_import(
            file=file,
            name=path.name,
            industry_sector=sector.industry_sector,
            country=country,
            progress=progress,
        )
        file.seek(0)
        ids = library_ids(file=file, name=path.name, industry_sector=sector.industry_sector, country=country)
    added: dict = {"added": 0, "skipped": 0, "reasons": Counter(), "credits_charged": 0}
    for start in range(0, len(ids), 10_000):
        part = keywords_add(
            account_id=sector.account_id,
            site_id=sector.site_id,
            sector_id=sector.pk,
            seed_keyword_ids=ids[start : start + 10_000],
        )
        for name in ("added", "skipped", "credits_charged"):
            added[name] += part[name]
        added["reasons"].update(part["reasons"])
    return imported, added


def walk_start(*, site: Site, limits: Limits) -> Run:
    walk_settings(site=site, limits=limits)
    return run_start(site=site)
