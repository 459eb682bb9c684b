"""The fields of the SEO plug-ins: sent where the site has registered them, as it drops all others in silence."""

from collections.abc import Collection

from apps.writer.models import Content

# Our field: its key for Yoast, Rank Math and AIOSEO.
KEYS = {
    "meta_title": ("_yoast_wpseo_title", "rank_math_title", "_aioseo_title"),
    "meta_description": ("_yoast_wpseo_metadesc", "rank_math_description", "_aioseo_description"),
    "primary_keyword": ("_yoast_wpseo_focuskw", "rank_math_focus_keyword", "_aioseo_keywords"),
}


def meta_values(content: Content, registered: Collection[str]) -> dict[str, str]:
    return {key: getattr(content, name) for name, keys in KEYS.items() for key in keys if key in registered}
