"""python -m apps.parsing.crawler --api-url URL --broker-url URL: the worker, without Django's settings."""

import argparse
import logging
import os

from apps.parsing.crawler.worker import Options, Worker


def add_arguments(parser: argparse.ArgumentParser, *, settings=None) -> None:
    """The worker's options; `settings` gives the defaults where Django's are at hand."""
    token = settings.INTERNAL_API_TOKEN[0] if settings and settings.INTERNAL_API_TOKEN else None
    parser.add_argument("--api-url", default=getattr(settings, "PUBLIC_URL", None), required=not settings)
    parser.add_argument(
        "--broker-url", default=getattr(settings, "CELERY_BROKER_URL", None), required=not settings
    )
    parser.add_argument("--token", default=token, help="default: the first of INTERNAL_API_TOKEN")
    parser.add_argument(
        "--allow-private",
        nargs="*",
        default=list(getattr(settings, "OUTBOUND_ALLOW_PRIVATE", [])),
        metavar="HOST:PORT",
    )
    parser.add_argument(
        "--spiders", nargs="*", default=[], metavar="MODULE", help="further modules of spiders"
    )
    parser.add_argument("--capacity", type=int, default=1, help="crawls at a time")
    parser.add_argument("--seconds", type=float, default=1500.0, help="a crawl may take")
    parser.add_argument("--memory-mb", type=int, default=1024, help="a crawl may take")
    parser.add_argument("--delay", type=float, default=0.25, help="seconds between two requests to a shop")
    # Several within a lease, or a crawl is taken for lost while it runs.
    lease = getattr(settings, "PARSING_LEASE_SECONDS", 60.0)
    parser.add_argument("--heartbeat", type=float, default=min(15.0, lease / 4), help="seconds")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds for which a batch is tried")


def run(options: dict) -> None:
    if not options["token"]:
        raise SystemExit("Give the internal token: INTERNAL_API_TOKEN, or --token.")
    Worker(
        Options(
            api_url=options["api_url"],
            broker_url=options["broker_url"],
            token=options["token"].split(",")[0].strip(),
            allow_private=tuple(options["allow_private"]),
            spiders=tuple(options["spiders"]),
            capacity=max(1, options["capacity"]),
            seconds=options["seconds"],
            memory=options["memory_mb"] * 1024**2,
            delay=options["delay"],
            heartbeat=options["heartbeat"],
            patience=options["patience"],
        )
    ).run()


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    parser = argparse.ArgumentParser(prog="python -m apps.parsing.crawler", description=__doc__)
    add_arguments(parser)
    parser.set_defaults(token=os.environ.get("INTERNAL_API_TOKEN"))
    run(vars(parser.parse_args()))


if __name__ == "__main__":
    main()
