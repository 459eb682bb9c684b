"""What the jobs of the linker do: the functions that settings.JOB_KINDS names."""

import threading

from apps.core.jobs import JobRun
from apps.intelligence.services import concurrency
from apps.intelligence.services.side_by_side import still_wanted, work_side_by_side
from apps.linker.services.passes import links_apply, links_suggest
from apps.linker.services.targets import Targets, targets_of
from apps.writer.models import Content


def run_batch(run: JobRun) -> None:
    """Links the articles of `content_ids`; a site's pages are read once. Result: contents, failed, links, credits.

    Without a model they follow one another: there is nothing to wait for.
    """
    ids, dry_run, use_model = (run.payload[name] for name in ("content_ids", "dry_run", "use_model"))
    sites = dict(Content.objects.filter(account_id=run.account_id, pk__in=ids).values_list("pk", "site_id"))
    known: dict[int, Targets] = {}
    lock = threading.Lock()

    def targets(content_id: int) -> Targets | None:
        site_id = sites.get(content_id)
        if site_id is None:
            return None
        with lock:
            if site_id not in known:
                known[site_id] = targets_of(account_id=run.account_id, site_id=site_id)
            return known[site_id]

    def link(content_id: int) -> dict:
        common = {
            "account_id": run.account_id,
            "content_id": content_id,
            "max_links": run.payload["max_links"],
            "targets": targets(content_id),
        }
        if dry_run:
            return links_suggest(**common)
        return links_apply(
            **common,
            reference=f"job:{run.job.pk}:{content_id}",
            use_model=use_model,
            user_id=run.user_id,
            finish=lambda _: still_wanted(run),
        )

    workers = concurrency(kind="text", account_id=run.account_id, site_ids=sites.values()) if use_model else 1
    done, failed = work_side_by_side(run, ids, link, workers=workers, verb="articles looked at")
    if not done:
        raise next(iter(failed.values()))
    run.finish(
        {
            "contents": [
                {
                    "content_id": i,
                    "pass_id": done[i]["pass_id"],
                    "links": done[i]["links"] if dry_run else len(done[i]["links"]),
                }
                for i in ids
                if i in done
            ],
            "failed": [{"content_id": i, "error": failed[i].message} for i in ids if i in failed],
            "links": sum(len(result["links"]) for result in done.values()),
            "credits": sum(result["credits"] for result in done.values()),
        }
    )


def batch_failed(run: JobRun) -> None:
    """Nothing is left behind: each article is linked and paid, or neither. The job's row says why it failed."""
