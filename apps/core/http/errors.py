"""What can go wrong with a request to the outside, as httpx exceptions.

They are httpx's own kinds (`TimedOut` is an `httpx.TimeoutException`, `CannotConnect` an
`httpx.ConnectError`), so that an SDK that is handed the client treats them as it treats httpx's; they are
the `__cause__` of its error.
"""

import httpx


class OutboundError(httpx.TransportError):
    """A request to the outside that did not succeed.

    `reason`: address, too_large, timeout, dns, refused, tls, reset, unreachable, protocol or request.
    `permanent`: asking again will not help.
    """

    def __init__(self, message: str, *, reason: str, permanent: bool) -> None:
        super().__init__(message)
        self.reason = reason
        self.permanent = permanent


class AddressRefused(OutboundError, httpx.ConnectError):
    """The address is malformed, or leads where user input may not lead. Permanent."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason="address", permanent=True)


class ResponseTooLarge(OutboundError, httpx.ReadError):
    """The body, as sent or unpacked, is over the limit. Permanent."""

    def __init__(self, host: str, limit: int) -> None:
        super().__init__(
            f"The answer of {host} is larger than the limit of {limit:,} bytes.",
            reason="too_large",
            permanent=True,
        )


class TimedOut(OutboundError, httpx.TimeoutException):
    """Connecting, one step, or the exchange as a whole took too long. Temporary."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} did not answer in time.", reason="timeout", permanent=False)


class CannotConnect(OutboundError, httpx.ConnectError):
    """No connection, or it broke. `reason`: dns, refused, tls, reset or unreachable."""


class BadAnswer(OutboundError, httpx.RemoteProtocolError):
    """The answer is cut short, is no HTTP, or redirects in circles. `reason` is protocol."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message, reason="protocol", permanent=permanent)
