"""Settings of the plain variant of bench.library, on the product's tables and indexes."""

from bench.request_plain import *  # noqa: F403

ROOT_URLCONF = "bench.library_plain_urls"
