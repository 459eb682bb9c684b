"""The library's sectors in figures, out of its cells."""

from django.db.models import Count, Q, QuerySet, Sum

from apps.accounts.models import IndustrySector
from apps.planner.models import Keyword, LibraryCell


def library_stats(*, keywords: QuerySet[Keyword], sector_ids: tuple[int, ...] = ()) -> list[dict]:
    """Each sector's keywords in figures; `added`: how many of them are among these keywords of the caller's sites."""
    sectors = IndustrySector.objects.filter(is_active=True)
    cells = LibraryCell.objects.all()
    mine = keywords.filter(seed_keyword__isnull=False)
    if sector_ids:
        sectors = sectors.filter(pk__in=sector_ids)
        cells = cells.filter(industry_sector_id__in=sector_ids)
        mine = mine.filter(industry_sector_id__in=sector_ids)
    figures = {
        sector_id: found
        for sector_id, *found in cells.values_list("industry_sector_id").annotate(
            total=Sum("n"),
            high=Sum("n", filter=Q(is_high_opportunity=True), default=0),
            paid=Sum("n", filter=Q(is_paid=True), default=0),
        )
    }
    added = dict(
        mine.order_by().values_list("industry_sector_id").annotate(n=Count("seed_keyword_id", distinct=True))
    )
    return [_stats(sector, figures.get(sector.pk, (0, 0, 0)), added.get(sector.pk, 0)) for sector in sectors]


def _stats(sector: IndustrySector, figures: tuple[int, int, int], added: int) -> dict:
    total, high, paid = figures
    return {
        "sector_id": sector.pk,
        "sector_name": sector.name,
        "sector_description": sector.description,
        "stats": {
            "total": total,
            "added": added,
            "available": max(0, total - added),
            "high_opportunity": high,
            "paid": paid,
            "free": total - paid,
        },
    }
