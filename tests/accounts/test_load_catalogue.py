import json

import pytest
from django.core.management import CommandError, call_command

from apps.accounts.management.commands.load_catalogue import DEFAULT_FILE
from apps.accounts.models import Industry, IndustrySector

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def empty_catalogue(db):
    Industry.objects.all().delete()


@pytest.fixture
def load(tmp_path, capsys):
    """Loads entries (or the text of a file), or the built-in file; gives what was printed."""

    def run(entries=None) -> list[str]:
        arguments = []
        if entries is not None:
            file = tmp_path / "catalogue.json"
            file.write_text(entries if isinstance(entries, str) else json.dumps(entries))
            arguments = [str(file)]
        call_command("load_catalogue", *arguments)
        return capsys.readouterr().out.splitlines()

    return run


def sector(slug="tea", **changes) -> dict:
    return {"name": "Tea", "slug": slug, "description": "Keywords related to tea.", **changes}


def industry(*sectors, slug="food", **changes) -> dict:
    return {"name": "Food", "slug": slug, "description": "Eating.", "sectors": list(sectors), **changes}


def test_the_built_in_catalogue(load):
    assert load() == [
        "industries: 27 new, 0 changed, 0 unchanged",
        "sectors: 180 new, 0 changed, 0 unchanged",
    ]
    assert Industry.objects.count() == 27 and IndustrySector.objects.count() == 180
    assert IndustrySector.objects.get(slug="coffee-tea").industry.name == "Food & Drink"
    assert IndustrySector.objects.get(slug="tv-series-film").industry.name == "Entertainment"
    for entry in json.loads(DEFAULT_FILE.read_text()):
        assert 5 <= len(entry["sectors"]) <= 7, entry["slug"]
        assert all(s["description"].startswith("Keywords related to ") for s in entry["sectors"])


def test_again_changes_nothing_and_writes_nothing(load, django_assert_max_num_queries):
    load()
    ids = set(IndustrySector.objects.values_list("slug", "id"))
    with django_assert_max_num_queries(5):  # the savepoint and its release among them
        assert load() == [
            "industries: 0 new, 0 changed, 27 unchanged",
            "sectors: 0 new, 0 changed, 180 unchanged",
        ]
    assert set(IndustrySector.objects.values_list("slug", "id")) == ids


def test_changes_are_written_by_slug(load):
    load([industry(sector(), sector("coffee")), industry(slug="drink", name="Drink")])
    before = IndustrySector.objects.get(slug="tea")
    changed = sector(name="Чай 🍵", description="Keywords related to tea & more.")
    assert load(
        [industry(sector("coffee")), industry(changed, sector("water"), slug="drink", name="Drink")]
    ) == [
        "industries: 0 new, 0 changed, 2 unchanged",
        "sectors: 1 new, 1 changed, 1 unchanged",
    ]
    after = IndustrySector.objects.get(slug="tea")
    assert (after.id, after.name, after.industry.slug) == (before.id, "Чай 🍵", "drink")


def test_what_left_the_file_stays_and_inactive_stays_inactive(load):
    load([industry(sector(), sector("coffee"))])
    IndustrySector.objects.filter(slug="tea").update(is_active=False)
    load([industry(sector(description="Keywords related to new tea."))])
    assert IndustrySector.objects.filter(slug="coffee", is_active=True).exists()
    tea = IndustrySector.objects.get(slug="tea")
    assert tea.description == "Keywords related to new tea." and not tea.is_active


@pytest.mark.parametrize(
    ("entries", "sentences"),
    [
        ("{", ["cannot be read as JSON"]),
        ("[" * 100_000, ["cannot be read as JSON"]),
        ({}, ["must hold a list"]),
        ([7], ["industry 1: must be an object"]),
        ([industry(7)], ["industry 1, sector 1: must be an object"]),
        ([industry(sectors=None)], ["industry 1: sectors must be a list"]),
        ([industry(sector(), sector())], ["sectors: the slug tea stands there 2 times"]),
        ([industry(sector()), industry(sector(), slug="b")], ["sectors: the slug tea stands there 2 times"]),
        ([industry(), industry()], ["industries: the slug food stands there 2 times"]),
        ([industry({"slug": "tea"})], ["sector 1 (tea): name is missing", "description is missing"]),
        ([industry(sector(name="", description=None))], ["name is missing", "description is missing"]),
        ([industry(sector("no slug!"))], ["(no slug!): slug: Enter a valid"]),
        ([industry(sector(name="x" * 5000))], ["name: Ensure this value has at most"]),
        ([industry(sector(name="a\x00b"))], ["NUL"]),
        ([industry(sector(slug=["tea"]))], ["slug is missing"]),
    ],
)
def test_a_faulty_file_is_refused_as_a_whole(load, entries, sentences):
    with pytest.raises(CommandError) as caught:
        load(entries)
    for sentence in sentences:
        assert sentence in str(caught.value)
    assert not Industry.objects.exists()


def test_a_missing_file():
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("load_catalogue", "/nowhere/catalogue.json")


def test_an_empty_list_loads_nothing(load):
    assert load([]) == ["industries: 0 new, 0 changed, 0 unchanged", "sectors: 0 new, 0 changed, 0 unchanged"]
