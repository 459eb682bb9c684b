"""The look of a hosted site: colours that can be read, a font, a logo, and the style sheet made of them."""

import re

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Site
from apps.core.errors import Invalid
from apps.publisher.models import SiteTheme
from apps.writer.services.pictures import UnusablePicture, picture_read

# What site.css has where a theme says nothing.
COLOURS = {"accent": "#1f5f4d", "paper": "#fdfcfa", "ink": "#1c1b19"}
# WCAG 2, level AA, of text.
LEAST_CONTRAST = 4.5
LOGO_BYTES = 1024 * 1024
HEX = re.compile(r"#[0-9a-f]{6}")
_FONTS = {
    SiteTheme.Font.SERIF: ('Charter, Georgia, "Noto Serif", serif',) * 2,
    SiteTheme.Font.SANS: ('system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif',) * 2,
    SiteTheme.Font.ROUNDED: ('ui-rounded, "Nunito", "Varela Round", system-ui, sans-serif',) * 2,
    SiteTheme.Font.MONO: ('ui-monospace, "Cascadia Code", "Noto Sans Mono", monospace',) * 2,
}


def theme_of(site: Site) -> SiteTheme:
    """The theme of a site; one that is not stored where it has none."""
    found = getattr(site, "theme", None) or SiteTheme(site=site, account_id=site.account_id)
    found.site = site
    return found


def theme_save(*, site: Site, values: dict, logo: bytes | None = None) -> SiteTheme:
    """Changes these values. `logo`: a PNG, JPEG or WebP, b"" to take it away. Raises Invalid for colours on which
    nobody could read, and for what is no picture."""
    picture = _picture(logo) if logo else None
    with transaction.atomic():
        SiteTheme.objects.get_or_create(site=site, defaults={"account_id": site.account_id})
        theme = SiteTheme.objects.select_for_update().get(site=site)
        theme.site = site
        for name, value in values.items():
            setattr(theme, name, value)
        _check_contrast(theme)
        before = theme.logo.name
        if picture:
            theme.logo.save(f"{picture.sha256[:10]}.png", ContentFile(picture.data), save=False)
        elif logo == b"":
            theme.logo = ""
        theme.save()
        # Pages are as new as their site.
        Site.objects.filter(pk=site.pk).update(updated_at=timezone.now())
        if before and before != theme.logo.name:
            transaction.on_commit(lambda: default_storage.delete(before))
    return theme


def style_of(theme: SiteTheme) -> str:
    """The style sheet. Colours are of the light scheme; in the dark one the site keeps ours."""
    lines = []
    if theme.font in _FONTS:
        serif, sans = _FONTS[theme.font]
        lines.append(f":root {{ --serif: {serif}; --sans: {sans}; }}")
    colours = {name: getattr(theme, name) for name in COLOURS if HEX.fullmatch(getattr(theme, name))}
    if colours:
        values = " ".join(f"--{name}: {value};" for name, value in colours.items())
        if "accent" in colours or "paper" in colours:
            values += " --tint: color-mix(in srgb, var(--accent) 10%, var(--paper));"
        if "ink" in colours or "paper" in colours:
            values += " --soft: color-mix(in srgb, var(--ink) 75%, var(--paper));"
            values += " --line: color-mix(in srgb, var(--ink) 15%, var(--paper)); --card: var(--paper);"
        lines.append(f"@media not (prefers-color-scheme: dark) {{ :root {{ {values} }} }}")
    return "\n".join(lines) + "\n"


def contrast(one: str, other: str) -> float:
    """Of two colours, 1 to 21, as WCAG defines it."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _check_contrast(theme: SiteTheme) -> None:
    colours = {name: getattr(theme, name) or default for name, default in COLOURS.items()}
    for name in ("ink", "accent"):
        found = contrast(colours[name], colours["paper"])
        if found < LEAST_CONTRAST:
            raise Invalid(
                name,
                f"{colours[name]} on {colours['paper']} has a contrast of {found:.1f}, and can hardly be read. Choose "
                f"colours with at least {LEAST_CONTRAST}.",
            )


def _picture(data: bytes):
    if len(data) > LOGO_BYTES:
        raise Invalid("logo", "The logo is larger than 1 MiB. Choose a smaller one.")
    try:
        return picture_read(data)
    except UnusablePicture:
        raise Invalid("logo", "This is no picture that can be read. Choose a PNG, JPEG or WebP.") from None
