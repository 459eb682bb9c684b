"""Articles whose faults are known."""

KEYPHRASE = "cold brew ratio"
DESCRIPTION = (
    "The cold brew ratio decides how strong the drink becomes. Learn how much coffee and water to take, "
    "how long to wait, and how to thin it."
)
SENTENCES = (
    "Weigh the beans before you grind them. Coarse grounds let the water through. A lid keeps the smell out. "
    "The jar stands in the dark for a night. In the morning a sieve holds the grounds back. "
)
LINKS = '<p>See <a href="/water/">our page on water</a> and <a href="https://example.org/">a source</a>.</p>'
PICTURE = '<figure><img src="/api/v1/writer/images/file/?id=1" alt="A cold brew ratio chart"></figure>'


def good_html() -> str:
    """Every check is content with it, given the keyphrase."""
    named = "The cold brew ratio is one to eight. "
    parts = [f"<p>{named}{SENTENCES}</p>", "<h2>Which cold brew ratio to take</h2>"]
    parts += [f"<p>{SENTENCES}</p>", f"<p>{named}{SENTENCES}</p>", "<h2>How long to wait</h2>"]
    parts += [f"<p>{SENTENCES}</p>"] * 5
    return "".join([*parts, LINKS, PICTURE])


def poor_html() -> str:
    """No keyphrase in the beginning and in headings, one paragraph that is too long; facts, a link and a name in it."""
    long = "<p>" + SENTENCES * 5 + "Mr. Ellis took 80 grams on 3 March 2024 and said “never again”.</p>"
    parts = [
        "<p>Coffee needs time.</p>",
        "<h2>The beans</h2>",
        long,
        "<h2>The water</h2>",
        f"<p>{SENTENCES}</p>",
    ]
    return "".join([*parts, LINKS])


GOOD = {
    "title": "Cold brew ratio: one to eight",
    "html": good_html(),
    "keyphrase": KEYPHRASE,
    "slug": "cold-brew-ratio",
    "meta_description": DESCRIPTION,
    "language": "en",
}
