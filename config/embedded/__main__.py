"""python -m config.embedded ensure | stop | status | keep | env"""

import argparse
import os
import sys

import environ

from . import EmbeddedError, ensure, keep, status, stop
from .state import REPOSITORY


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m config.embedded", description="The embedded servers.")
    parser.add_argument("command", choices=["ensure", "stop", "status", "keep", "env"])
    command = parser.parse_args().command
    environ.Env.read_env(REPOSITORY / ".env")
    # As settings do: a server that the environment names is not ours to start.
    wanted = {
        "database": not os.environ.get("DATABASE_URL"),
        "broker": not os.environ.get("CELERY_BROKER_URL"),
    }
    try:
        match command:
            case "ensure":
                ensure(**wanted)
            case "stop":
                stop()
            case "keep":
                keep(**wanted)
            case "env":
                state = ensure(**wanted)
                urls = {"DATABASE_URL": state.database_url, "CELERY_BROKER_URL": state.broker_url}
                for name, url in urls.items():
                    print(f"export {name}={os.environ.get(name) or url}")
            case "status":
                found = status()
                print("\n".join(f"{name}: {'up' if is_up else 'down'}" for name, is_up in found.items()))
                return 0 if all(found.values()) else 1
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


sys.exit(main())
