"""Judging articles as they are stored, or as somebody types them."""

from dataclasses import replace

from apps.accounts.models import Site
from apps.optimizer.scoring import Analysis, Article, analyze
from apps.writer.models import Content, Image
from apps.writer.services.html import html_check_depth, images_named


def content_analyze(*, content: Content, changes: dict | None = None) -> Analysis:
    """Judges an article; `changes` are fields of it that are not saved yet: title, html, keyphrase, slug, meta_title,
    meta_description, language. Raises Invalid for HTML that is nested too deep."""
    pictures = {image.pk: image.alt for image in pictures_of(content)}
    article = replace(article_of(content, pictures), **(changes or {}))
    if changes:
        article = _placed(article, content.site, pictures, but=content.pk)
    html_check_depth(article.html)
    return analyze(article)


def text_analyze(*, article: Article, site: Site | None) -> Analysis:
    """Judges a text that is no article yet. Without a site nothing is said about other articles, and only links
    without a host name are internal. Raises Invalid for HTML that is nested too deep."""
    html_check_depth(article.html)
    return analyze(_placed(article, site, {}) if site else article)


def pictures_of(content: Content) -> list[Image]:
    """Those that are published with it."""
    return list(Image.objects.filter(content=content, status=Image.Status.GENERATED))


def article_of(content: Content, pictures: dict[int, str]) -> Article:
    """The article with its site; `pictures` are the alternative texts of its images by id."""
    article = Article(
        title=content.title,
        html=content.html,
        keyphrase=content.primary_keyword,
        slug=content.slug,
        meta_title=content.meta_title,
        meta_description=content.meta_description,
        language=content.site.language,
    )
    return _placed(article, content.site, pictures, but=content.pk)


def _placed(article: Article, site: Site, pictures: dict[int, str], but: int | None = None) -> Article:
    keyphrase = " ".join(article.keyphrase.split())
    used_by = 0
    if keyphrase:
        others = Content.objects.filter(site=site, primary_keyword__iexact=keyphrase)
        used_by = others.exclude(pk=but).count()
    named = images_named(article.html)
    beside = tuple(alt for pk, alt in sorted(pictures.items()) if pk not in named)
    return replace(article, domain=site.domain, pictures=beside, used_by=used_by)
