from django.apps import AppConfig
from django.conf import settings
from django.core.checks import Error, register

from apps.planner.clustering import TierMissing, tier_of


@register
def clustering_tier_is_there(**kwargs) -> list[Error]:
    try:
        tier_of(settings.CLUSTERING_TIER)
    except TierMissing as error:
        return [Error(str(error), id="planner.E001")]
    return []


class PlannerConfig(AppConfig):
    name = "apps.planner"
