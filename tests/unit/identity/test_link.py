"""Linking: sure rules only, ids that stay, no join across two ID numbers."""

from datetime import date

import polars as pl

from identity.link import LINK_SCHEMA, link

EMPTY = pl.DataFrame(schema=LINK_SCHEMA)


def source(*rows: dict[str, object]) -> pl.DataFrame:
    columns = {
        "source_person_id": pl.String, "id_number_token": pl.String,
        "health_card_token": pl.String, "insurance_token": pl.String, "name_token": pl.String,
        "phone_token": pl.String, "sex_code": pl.String, "birth_date": pl.Date,
    }  # fmt: skip
    return pl.DataFrame([{c: r.get(c) for c in columns} for r in rows], schema=columns)


def person_of(links: pl.DataFrame) -> dict[str, str]:
    return dict(links.select("source_person_id", "person_id").iter_rows())


def test_same_id_number_is_one_person() -> None:
    rows = [{"source_person_id": s, "id_number_token": "t1"} for s in ("a", "b")]
    found = person_of(link(source(*rows, {"source_person_id": "c"}), EMPTY)[0])
    assert found["a"] == found["b"] != found["c"]


def test_rules_chain_through_a_third_record() -> None:
    rows = source(
        {"source_person_id": "a", "id_number_token": "t1"},
        {"source_person_id": "b", "id_number_token": "t1", "insurance_token": "i1"},
        {"source_person_id": "c", "insurance_token": "i1"},
    )
    assert len(set(person_of(link(rows, EMPTY)[0]).values())) == 1


def test_twins_with_one_insurance_number_stay_two() -> None:
    rows = source(
        {"source_person_id": "a", "id_number_token": "t1", "insurance_token": "i1"},
        {"source_person_id": "b", "id_number_token": "t2", "insurance_token": "i1"},
    )
    assert len(set(person_of(link(rows, EMPTY)[0]).values())) == 2


def test_name_birth_sex_and_phone_together_are_enough_but_not_without_phone() -> None:
    same = {"name_token": "n", "birth_date": date(1960, 1, 1), "sex_code": "1"}
    rows = source(
        {"source_person_id": "a", **same, "phone_token": "p"},
        {"source_person_id": "b", **same, "phone_token": "p"},
        {"source_person_id": "c", **same},
    )
    found = person_of(link(rows, EMPTY)[0])
    assert found["a"] == found["b"] != found["c"]


def test_ids_stay_when_records_come_later() -> None:
    first, _ = link(source({"source_person_id": "m", "id_number_token": "t"}), EMPTY)
    rows = [{"source_person_id": s, "id_number_token": "t"} for s in ("a", "m", "z")]
    second, merges = link(source(*rows), first)
    assert set(person_of(second).values()) == set(person_of(first).values())
    assert merges == []


def test_a_merge_keeps_one_id_and_says_so() -> None:
    rows = [{"source_person_id": "a"}, {"source_person_id": "b"}]
    first, _ = link(source(*rows), EMPTY)
    joined = [{**r, "id_number_token": "t"} for r in rows]
    second, merges = link(source(*joined), first)
    assert len(set(person_of(second).values())) == 1
    assert len(merges) == 1
    assert merges[0].absorbed not in set(person_of(second).values())


def test_order_of_rows_does_not_matter() -> None:
    rows = [
        {"source_person_id": s, "id_number_token": t}
        for s, t in [("a", "1"), ("b", "2"), ("c", "1")]
    ]
    assert link(source(*rows), EMPTY)[0].equals(link(source(*rows[::-1]), EMPTY)[0])
