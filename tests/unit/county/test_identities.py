"""A feed knows a person in one way, however it is asked, and the truth stays findable."""

from datetime import date

import polars as pl
import pytest

from county import names
from county.identities import Identities
from county.parameters import parameters
from county.people import is_valid_id_number
from county.population import Population

FEEDS = ("county_hospital__his__adt", "consortium__primary_cloud__visits")
FIELDS = ("local_id", "name", "birth", "id_number", "health_card", "insurance_number", "phone")


@pytest.fixture(scope="module")
def population() -> Population:
    return Population(4_000, 5, date(2026, 1, 1))


@pytest.mark.parametrize("feed", FEEDS)
def test_one_person_and_a_whole_frame_give_the_same_identity(
    population: Population, feed: str
) -> None:
    identities = Identities(5, population.people)
    frame = pl.DataFrame({"person": [p.number for p in population.people]})
    drawn = identities.draw(feed, frame)
    for person, row in zip(population.people, drawn.iter_rows(named=True), strict=True):
        one = identities.of(person, feed)
        assert tuple(getattr(one, name) for name in FIELDS) == tuple(row[n] for n in FIELDS)
        assert list(one.faults) == row["faults"]


def test_every_kind_of_identity_fault_is_drawn(population: Population) -> None:
    identities = Identities(5, population.people)
    frame = pl.DataFrame({"person": [p.number for p in population.people]})
    kinds = identities.draw(FEEDS[0], frame)["faults"].explode().drop_nulls().unique()
    assert set(kinds) == {
        "missing_id_number", "invalid_id_number", "old_id_number", "name_variant", "name_homophone",
        "name_transliteration", "swapped_birthday",
    }  # fmt: skip


def test_a_person_without_a_valid_id_number_shows_a_health_card(population: Population) -> None:
    identities = Identities(5, population.people)
    for person in population.people:
        one = identities.of(person, FEEDS[0])
        if {"missing_id_number", "invalid_id_number"} & set(one.faults):
            assert one.id_number is None or not is_valid_id_number(one.id_number)
            assert one.health_card == person.health_card


def test_a_null_person_has_null_fields(population: Population) -> None:
    frame = pl.DataFrame({"person": [1, None], "row": ["a", "b"]}, schema_overrides={})
    row = Identities(5, population.people).identify(FEEDS[0], frame).row(1, named=True)
    assert row["row"] == "b"
    assert {row[name] for name in FIELDS} == {None}


def test_own_local_ids_stay(population: Population) -> None:
    frame = pl.DataFrame({"person": [1, 2], "local_id": ["x", "y"]})
    found = Identities(5, population.people).identify(FEEDS[0], frame)
    assert found["local_id"].to_list() == ["x", "y"]


def test_a_name_without_a_variant_is_not_called_one() -> None:
    rates = parameters()["faults"]
    assert names.variant("欧阳鹏", 0.0, rates) == (None, "欧阳鹏")
