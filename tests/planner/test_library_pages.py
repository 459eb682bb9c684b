"""The library's cells and counts are those of its rows, whatever happened to them; a page is a part of all, sorted."""

import random

import orjson
import pytest
from django.db import connection, transaction
from django.db.models import Count, F, Q

from apps.accounts.models import SiteAccess, User
from apps.planner.models import BANDS, LibraryCell, LibraryCount, LibraryState, SeedKeyword, difficulty_label
from apps.planner.services.library_pages import ORDERINGS, LibraryQuery, library_count, library_page
from tests.factories import IndustrySectorFactory, SectorFactory
from tests.factories.planner import KeywordFactory, SeedKeywordFactory
from tests.planner.asking import LIBRARY, queries, results

pytestmark = pytest.mark.django_db
WORDS = ["cold", "brew", "100%", "a_b", "naïve", "مرحبا", "🚀"]


def some(rng: random.Random, sectors: list, number: int) -> SeedKeyword:
    text = f"{rng.choice(WORDS)} {rng.choice(WORDS)} {number}"
    return SeedKeyword(
        industry_sector=rng.choice(sectors),
        keyword=text.title(),
        key=text,
        country=rng.choice(["US", "GB", "DE"]),
        volume=rng.choice([0, 10, 10, 500, 1000, 90_000]),
        difficulty=rng.choice([None, 0, 30, 31, 50, 51, 70, 71, 100]),
        intent=rng.choice(["", "commercial", "navigational"]),
        high_opportunity_by_staff=rng.random() < 0.1,
        credit_cost=rng.choice([0, 0, 0, 5]),
    )


def cells() -> dict:
    return {
        (c.industry_sector_id, c.country, c.band, c.is_high_opportunity, c.is_paid): c.n
        for c in LibraryCell.objects.all()
    }


def counted() -> dict:
    rows = SeedKeyword.objects.order_by().values_list("industry_sector_id", "country", "difficulty")
    rows = rows.annotate(high=F("is_high_opportunity"), paid=Q(credit_cost__gt=0), n=Count("id"))
    found: dict = {}
    for sector, country, difficulty, high, paid, n in rows:
        cell = sector, country, difficulty_label(difficulty) or "", high, paid
        found[cell] = found.get(cell, 0) + n
    return found


def state() -> tuple[int, int]:
    return LibraryState.objects.values_list("version", "total").get()


@pytest.mark.parametrize("seed", range(3))
def test_cells_are_what_is_counted_after_any_changes(seed):
    rng = random.Random(seed)
    sectors = IndustrySectorFactory.create_batch(3)
    number = 0
    for _ in range(25):
        rows = SeedKeyword.objects.filter(pk__in=_some_ids(rng))
        step = rng.randrange(6)
        if step < 2:
            made = [some(rng, sectors, number + i) for i in range(rng.randrange(12))]
            number += len(made)
            SeedKeyword.objects.bulk_create(made)
        elif step == 2:
            rows.update(difficulty=rng.choice([None, 10, 60]), volume=F("volume") + rng.choice([0, 1000]))
        elif step == 3:
            rows.update(industry_sector=rng.choice(sectors), credit_cost=rng.choice([0, 7]), key=F("id"))
        elif step == 4:
            rows.delete()
        else:
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                rows.delete()
                raise ZeroDivisionError
        assert cells() == counted()
        if LibraryState.objects.exists():
            assert state()[1] == SeedKeyword.objects.count()
    sectors[0].delete()
    assert cells() == counted() and {cell[0] for cell in cells()} <= {s.pk for s in sectors[1:]}
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("TRUNCATE planner_seedkeyword CASCADE")
    assert not cells() and state()[1] == 0


def _some_ids(rng: random.Random) -> list[int]:
    ids = list(SeedKeyword.objects.values_list("pk", flat=True))
    return rng.sample(ids, min(len(ids), rng.randrange(8)))


def test_version_changes_with_the_library_and_with_nothing_else():
    row = SeedKeywordFactory()
    version = state()[0]
    SeedKeyword.objects.filter(pk=0).update(volume=5)
    SeedKeyword.objects.filter(pk=0).delete()
    assert state()[0] == version
    SeedKeyword.objects.filter(pk=row.pk).update(volume=5)
    assert state()[0] == version + 1


def test_kept_counts_are_of_their_version():
    SeedKeywordFactory.create_batch(3, volume=2000)
    query = LibraryQuery(volume_min=1000)
    assert library_count(query) == (3, 3)
    assert LibraryCount.objects.get().n == 3
    LibraryCount.objects.update(n=77)
    assert library_count(query) == (77, 3)  # not counted again
    SeedKeywordFactory(volume=2000)
    assert library_count(query) == (4, 4)
    # Another one in its place, as once in so many thousands.
    LibraryCount.objects.update(filters="00000000-0000-0000-0000-000000000000")
    assert library_count(query) == (4, 4)


@pytest.fixture(scope="class")
def shelf(django_db_setup, django_db_blocker):
    """600 keywords, the same for all tests of pages."""
    with django_db_blocker.unblock(), transaction.atomic():
        rng = random.Random(5)
        sectors = IndustrySectorFactory.create_batch(3)
        SeedKeyword.objects.bulk_create(some(rng, sectors, n) for n in range(600))
        yield [sector.pk for sector in sectors]
        transaction.set_rollback(True)


def expected(query: LibraryQuery, ordering: str) -> list[int]:
    """All of it by the ORM."""
    rows = SeedKeyword.objects.all()
    if query.sector_ids:
        rows = rows.filter(industry_sector__in=query.sector_ids)
    for word in query.words:
        rows = rows.filter(key__contains=word)
    if query.country:
        rows = rows.filter(country=query.country)
    if query.volume_min is not None:
        rows = rows.filter(volume__gte=query.volume_min)
    if query.volume_max is not None:
        rows = rows.filter(volume__lte=query.volume_max)
    if query.difficulty:
        bands = [Q(difficulty__range=BANDS[label]) for label in query.difficulty]
        rows = rows.filter(Q.create(bands, connector=Q.OR))
    if query.intent:
        rows = rows.filter(intent__in=query.intent)
    if query.is_high_opportunity is not None:
        rows = rows.filter(is_high_opportunity=query.is_high_opportunity)
    if query.is_paid is not None:
        rows = rows.filter(credit_cost__gt=0) if query.is_paid else rows.filter(credit_cost=0)
    turned = ordering.startswith("-")
    terms = {
        "keyword": ["-key", "-id"] if turned else ["key", "id"],
        "volume": ["-volume", "-id"] if turned else ["volume", "id"],
        "country": ["-country" if turned else "country", "-volume", "-id"],
        "difficulty": [
            F("difficulty").desc(nulls_last=True) if turned else F("difficulty").asc(nulls_last=True),
            "-volume",
            "-id",
        ],
    }
    return list(rows.order_by(*terms[ordering.lstrip("-")]).values_list("pk", flat=True))


QUERIES = [
    {}, {"sector": 1}, {"sector": 2}, {"country": "GB"}, {"volume_min": 500}, {"volume_max": 10},
    {"difficulty": ("easy",)}, {"difficulty": ("easy", "hard")}, {"difficulty": ("hard", "medium", "very_hard")},
    {"is_high_opportunity": True}, {"is_high_opportunity": False}, {"is_paid": True}, {"intent": ("commercial",)},
    {"words": ("cold",)}, {"words": ("100%", "a_b")}, {"words": ("مرحبا",), "country": "US"}, {"words": ("59",)},
    {"sector": 1, "country": "US", "difficulty": ("easy",)}, {"volume_min": 10, "volume_max": 500, "is_paid": False},
]  # fmt: skip


class TestPages:
    @pytest.mark.parametrize("fields", QUERIES, ids=str)
    def test_pages_are_parts_of_all_sorted(self, shelf, fields):
        fields = dict(fields)
        if number := fields.pop("sector", 0):
            fields["sector_ids"] = tuple(shelf[:number])
        query = LibraryQuery(**fields)
        for ordering in ORDERINGS:
            whole = expected(query, ordering)
            counts = library_count(query)
            assert counts == (len(whole), 600)
            for offset in {0, 7, len(whole) // 2, max(0, len(whole) - 9), len(whole) + 5}:
                page = library_page(
                    query, ordering=ordering, offset=offset, limit=11, counts=counts, site_id=None
                )
                ids = [row["id"] for row in orjson.loads(page)]
                assert ids == whole[offset : offset + 11], (ordering, offset)

    @pytest.mark.parametrize("total", [600, 10**9, 1])
    def test_each_way_to_a_page_finds_the_same(self, shelf, total):
        """The count alone says which way is taken: told another one, another is taken."""
        query = LibraryQuery(words=("cold",), country="US")
        for ordering in ORDERINGS:
            whole = expected(query, ordering)
            for offset in (0, 20):
                page = library_page(
                    query, ordering=ordering, offset=offset, limit=9, counts=(len(whole), total), site_id=None
                )
                assert [row["id"] for row in orjson.loads(page)] == whole[offset : offset + 9], ordering


def test_a_word_at_the_far_end_of_the_order_is_found(alice):
    sector = IndustrySectorFactory()
    SeedKeyword.objects.bulk_create(
        SeedKeyword(industry_sector=sector, keyword=text, key=text, volume=n)
        for n, text in enumerate([*(f"aaa {i}" for i in range(200)), *(f"zzz {i}" for i in range(60))])
    )
    rows = results(alice.client, LIBRARY, search="zzz", ordering="keyword", page_size=50)
    assert [row["keyword"] for row in rows] == sorted(f"zzz {i}" for i in range(60))[:50]


def test_costs_two_statements_besides_the_callers(alice):
    SeedKeywordFactory.create_batch(30)
    asked = {"volume_min": 5, "country": "US"}
    first = queries(alice.client, LIBRARY, **asked)
    assert queries(alice.client, LIBRARY, **asked) == first - 2 == 3
    SeedKeywordFactory.create_batch(40)
    assert queries(alice.client, LIBRARY, **asked) == first


def test_links_and_counts_of_pages(alice):
    SeedKeywordFactory.create_batch(45)
    answers = [alice.client.get(LIBRARY, {"page": n}).json() for n in (1, 2, 3)]
    assert [a["count"] for a in answers] == [45] * 3
    assert [len(a["results"]) for a in answers] == [20, 20, 5]
    assert [bool(a["next"]) for a in answers] == [True, True, False]
    assert "page=2" in answers[0]["next"] and answers[0]["previous"] is None
    assert len({row["id"] for a in answers for row in a["results"]}) == 45
    for page in ("0", "4", "x", "9" * 30):
        assert alice.client.get(LIBRARY, {"page": page}).status_code == 404
    assert len(alice.client.get(LIBRARY, {"page_size": 1000}).json()["results"]) == 45


def test_stats_of_who_sees_single_sites(alice):
    sector = IndustrySectorFactory()
    seeds = SeedKeywordFactory.create_batch(3, industry_sector=sector)
    other = SectorFactory(site__account=alice.account)
    for at, seed in ((alice.sector, seeds[0]), (other, seeds[0]), (other, seeds[1])):
        KeywordFactory(sector=at, seed_keyword=seed, industry_sector=sector, keyword=seed.keyword)
    editor, blind = (alice.as_role("editor", all_sites=False) for _ in range(2))
    user = User.objects.order_by("-pk")[1]
    SiteAccess.objects.create(account=alice.account, user=user, site=alice.site)

    def added(client, **params) -> int:
        answer = client.get(f"{LIBRARY}sector_stats/", {"sector_ids": sector.pk, **params})
        assert answer.status_code == 200, answer.content
        return answer.json()["data"][0]["stats"]["added"]

    assert added(alice.client) == 2 and added(alice.client, site_id=alice.site.pk) == 1
    assert added(editor) == 1 and added(blind) == 0
    hidden = editor.get(f"{LIBRARY}sector_stats/", {"site_id": other.site.pk})
    assert hidden.status_code == 404
