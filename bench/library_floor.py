"""Settings of the floor of bench.library: Django with nothing around the view."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "bench.library_plain_urls"
