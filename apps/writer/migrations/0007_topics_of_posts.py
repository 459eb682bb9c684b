"""The topic of a post that came in as an article is the article's. Two WordPresses number their posts alike."""

from django.db import migrations

# Where two articles have the number, the topic is that of the address; what is unclear goes to the newer one.
MOVE = """
UPDATE planner_claimedtopic t SET source = 'content', source_id = found.content_id
FROM (
  SELECT DISTINCT ON (t.id) t.id, c.id AS content_id
  FROM planner_claimedtopic t
  JOIN writer_content c ON c.site_id = t.site_id AND c.external_id = t.source_id::text
  WHERE t.source = 'post' AND c.origin = 'wordpress'
  ORDER BY t.id, (c.external_url = t.url) DESC, c.id DESC
) AS found
WHERE t.id = found.id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("planner", "0009_topic_titles"),
        ("writer", "0006_topics_of_before"),
    ]

    operations = [migrations.RunSQL(MOVE, migrations.RunSQL.noop)]
