"""By which rules of a site an automation approves an article."""

from django.db.models import Exists, OuterRef, QuerySet

from apps.integration.models import SiteSettings
from apps.writer.models import Content, Image


def rules_of(settings: SiteSettings) -> dict[str, str]:
    """What an article must have, as it is noted beside the approval, and as it is told of one that has it not."""
    rules = {}
    if settings.approval_min_words:
        rules[f"min_words={settings.approval_min_words}"] = (
            f"shorter than {settings.approval_min_words} words"
        )
    if settings.approval_needs_featured_image:
        rules["featured_image"] = "without a featured image"
    return rules


def approved_by(settings: SiteSettings) -> str:
    """`automation:` and the rules that held; without one the setting that lets it approve."""
    return "automation:" + ("+".join(rules_of(settings)) or "auto_approval")


def _in_review(site_id: int) -> QuerySet:
    featured = Image.objects.filter(
        content=OuterRef("pk"), kind=Image.Kind.FEATURED, status=Image.Status.GENERATED
    )
    rows = Content.objects.ours().filter(site_id=site_id, status=Content.Status.REVIEW)
    return rows.annotate(has_featured=Exists(featured))


def content_to_approve(*, settings: SiteSettings) -> QuerySet:
    """The articles in review that the rules let through."""
    rows = _in_review(settings.site_id).filter(word_count__gte=settings.approval_min_words)
    return rows.filter(has_featured=True) if settings.approval_needs_featured_image else rows


def held_back(*, settings: SiteSettings) -> str:
    """How many articles stay in review, and why; "" when none does."""
    rows = _in_review(settings.site_id)
    counts = {}
    if settings.approval_min_words:
        counts["min_words"] = rows.filter(word_count__lt=settings.approval_min_words).count()
    if settings.approval_needs_featured_image:
        counts["featured_image"] = rows.filter(has_featured=False).count()
    sentences = {name.partition("=")[0]: sentence for name, sentence in rules_of(settings).items()}
    told = [f"{n} {sentences[name]}" for name, n in counts.items() if n]
    return f"Articles that stay in review for you: {', '.join(told)}." if told else ""
