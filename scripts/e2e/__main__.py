"""python -m scripts.e2e [start|stop]: WordPress and RabbitMQ on loopback, in the data folder's `e2e`.

`start` installs what is missing, starts what is down, writes addresses and passwords to `e2e/parts.json` and prints
them. All may be asked again at any time.
"""

import json
import sys
import time

from config.embedded.state import EmbeddedError, write_private

from . import packages, rabbitmq, wordpress
from .state import folder, load, locked


def start() -> dict:
    """Addresses and credentials of what runs: {"wordpress": {url, users}, "rabbitmq": {url}}."""
    with locked():
        packages.install(folder() / "apt.log")
        kept = rabbitmq.start(load())
        kept = wordpress.start(kept)
        parts = {"wordpress": wordpress.wait(kept), "rabbitmq": {"url": rabbitmq.url(kept)}}
        rabbitmq.wait(kept)
        write_private(folder() / "parts.json", json.dumps(parts, indent=2))
    return parts


def stop() -> None:
    """End all of it; what is down already is no error. The data stay."""
    if folder().exists():
        with locked():
            wordpress.stop()
            rabbitmq.stop()


def main() -> int:
    started = time.monotonic()
    try:
        match sys.argv[1:] or ["start"]:
            case ["start"]:
                print(json.dumps(start(), indent=2))
                print(f"up after {time.monotonic() - started:.1f} s", file=sys.stderr)
            case ["stop"]:
                stop()
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
