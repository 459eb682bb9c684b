"""Settings of the floor of bench.library: the product's, with a plain Django view of it."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "bench.library_plain_urls"
