from django.db import migrations


class Migration(migrations.Migration):
    """Counters need no write-ahead log: a crash costs one minute of counting."""

    dependencies = [("core", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE core_ratecounter SET UNLOGGED; ALTER TABLE core_ratecounter SET (fillfactor = 50)",
            "ALTER TABLE core_ratecounter SET LOGGED; ALTER TABLE core_ratecounter RESET (fillfactor)",
        )
    ]
