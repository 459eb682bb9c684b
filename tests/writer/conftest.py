"""Providers that fail on purpose, put where the real one is made."""

import threading
from collections.abc import Callable

import pytest

from apps.intelligence.clients.base import ProviderError
from apps.intelligence.clients.offline.provider import OfflineProvider
from apps.intelligence.services import calls


class Faulty(OfflineProvider):
    """The offline provider; `fault` is asked before every call and may return an error for it."""

    def __init__(self, fault: Callable[[object], ProviderError | None]):
        self.fault = fault
        self.asked: list[str] = []
        self._lock = threading.Lock()

    def text(self, request):
        self._refuse(request, str(request.inputs.get("title")))
        return super().text(request)

    def image(self, request):
        self._refuse(request, request.prompt)
        return super().image(request)

    def _refuse(self, request, name: str) -> None:
        with self._lock:
            self.asked.append(name)
            error = self.fault(request)
        if error is not None:
            raise error


@pytest.fixture
def provider(monkeypatch):
    """Call it with a fault; returns the provider, whose `asked` names what it was asked for."""

    def use(fault: Callable[[object], ProviderError | None] = lambda request: None) -> Faulty:
        faulty = Faulty(fault)
        monkeypatch.setattr(calls, "provider_of", lambda choice: faulty)
        return faulty

    return use
