"""Signatures between us and the companion plugin, the same in both directions."""

import hashlib
import hmac

REQUEST, EVENT = "igny8-request", "igny8-event"


def signature_of(
    secret: str, *, word: str, time: str, nonce: str, method: str, host: str, path: str, body: bytes
) -> str:
    """What goes into X-Igny8-Signature. `word` says who asks whom: REQUEST, which we send, or EVENT, which comes.
    `nonce` names what is signed and is used once; `path` with its query; `host` as `host_of` gives it."""
    lines = (word, time, nonce, method, host, path, hashlib.sha256(body).hexdigest())
    mac = hmac.new(secret.encode(), "\n".join(lines).encode(), hashlib.sha256)
    return f"v2={mac.hexdigest()}"


def host_of(netloc: str) -> str:
    """Host and port as signatures name them: in small letters, without the port that a scheme has anyway."""
    return netloc.lower().removesuffix(":80").removesuffix(":443")
