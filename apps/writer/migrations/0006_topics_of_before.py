"""What was there before topics were claimed claims its own: tasks, articles, and posts of the site that are out."""

from itertools import chain, islice

from django.db import migrations

from apps.planner.services.topics import keyword_key, one_line

BATCH = 2000


def _topic(model, row, source, source_id, phrase, url=""):
    title = one_line(row.title)
    phrase = one_line(phrase) or title
    return model(
        account_id=row.account_id,
        site_id=row.site_id,
        source=source,
        source_id=source_id,
        phrase=phrase,
        key=keyword_key(phrase)[:500],
        title=title or phrase[:300],
        url=url,
    )


def claim_topics(apps, schema_editor):
    topic = apps.get_model("planner", "ClaimedTopic")

    def of_tasks():
        rows = apps.get_model("writer", "Task").objects.select_related("idea").prefetch_related("keywords")
        for task in rows.order_by("pk").iterator(chunk_size=BATCH):
            phrase = task.idea.primary_keyword if task.idea else ""
            searched = sorted(task.keywords.all(), key=lambda k: (-k.volume, k.pk))
            yield _topic(topic, task, "task", task.pk, phrase or (searched[0].keyword if searched else ""))

    def of_content():
        rows = apps.get_model("writer", "Content").objects.defer("html", "excerpt").order_by("pk")
        for content in rows.iterator(chunk_size=BATCH):
            source, pk = "content", content.pk
            if content.origin == "wordpress":
                if content.status != "published" or not content.external_id.isdecimal():
                    continue
                source, pk = "post", int(content.external_id)
            yield _topic(topic, content, source, pk, content.primary_keyword, content.external_url)

    # Those that are claimed already know it better.
    waiting = (row for row in chain(of_tasks(), of_content()) if row.key)
    while rows := list(islice(waiting, BATCH)):
        topic.objects.bulk_create(rows, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [
        ("planner", "0009_topic_titles"),
        ("writer", "0005_draft_parts_and_links"),
    ]

    operations = [migrations.RunPython(claim_topics, migrations.RunPython.noop)]
