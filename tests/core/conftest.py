"""Servers on loopback; the DNS is the one thing that is played, by `socket.getaddrinfo`."""

import socket
from types import SimpleNamespace

import pytest

from tests.core.servers import running


@pytest.fixture
def server():
    with running() as server:
        yield server


@pytest.fixture
def dns(monkeypatch):
    """A dict name → list of answers, each a list of addresses; the last answer is repeated."""
    answers: dict[str, list[list[str]]] = {}
    asked: list[str] = []
    real = socket.getaddrinfo

    def getaddrinfo(host, port, *args, **kwargs):
        if host not in answers:
            return real(host, port, *args, **kwargs)
        asked.append(host)
        found = answers[host].pop(0) if len(answers[host]) > 1 else answers[host][0]
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (a, port, 0, 0))
            if ":" in a
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port))
            for a in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return SimpleNamespace(answers=answers, asked=asked)
