import gc
import os
from functools import lru_cache

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import request_started
from django.db import close_old_connections, reset_queries
from django.urls import ResolverMatch, get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


@lru_cache(maxsize=4096)
def _resolve(path: str) -> ResolverMatch:
    return get_resolver().resolve(path)


class Request(WSGIRequest):
    """Django's, which checks the host once."""

    _checked_host: str | None = None

    def get_host(self) -> str:
        if self._checked_host is None:
            self._checked_host = super().get_host()
        return self._checked_host


class Handler(WSGIHandler):
    """Django's, which remembers where a path leads: else it tries the routes one by one, level by level."""

    request_class = Request

    def resolve_request(self, request):
        request.resolver_match = _resolve(request.path_info)
        return request.resolver_match


django.setup(set_prefix=False)
application = Handler()
# Django imports the views with the first request: better before it than during it.
get_resolver().url_patterns  # noqa: B018
# Old connections are closed when a request has ended; before the next one there is nothing left to do.
request_started.disconnect(close_old_connections)
if not settings.DEBUG:
    request_started.disconnect(reset_queries)
# What is loaded by now stays, so it need not be looked through again and again; what a request makes goes by itself.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 50)
