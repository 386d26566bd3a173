"""Linking: sure rules, what stays apart, ids that stay."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from identity.link import LINK_SCHEMA, Decisions, Linked, link
from identity.persons import HISTORY_SCHEMA, ended, events
from identity.sources import SCHEMA, shared_numbers

EMPTY = pl.DataFrame(schema=LINK_SCHEMA)
PAST = pl.DataFrame(schema=HISTORY_SCHEMA)
MOMENT = datetime(2026, 3, 1, tzinfo=ZoneInfo("Asia/Shanghai"))
BORN = date(1960, 1, 1)


def source(*rows: dict[str, object]) -> pl.DataFrame:
    """Source persons; a name stands for its sound, too, unless that is given."""
    filled = []
    for row in rows:
        name = row.get("name_token")
        known = {"name_sound_token": name, "surname_token": name, "member_id": "m"}
        if row.get("mother_token"):
            known["name_sound_token"] = None
        filled.append({c: {**known, **row}.get(c) for c in SCHEMA})
    return pl.DataFrame(filled, schema=SCHEMA)


def linked(
    rows: pl.DataFrame,
    known: pl.DataFrame = EMPTY,
    past: pl.DataFrame = PAST,
    *,
    decisions: Decisions | None = None,
    days: int = 0,
) -> tuple[pl.DataFrame, Linked]:
    return link(
        rows, known, past, shared=shared_numbers(rows), frequency=None,
        decisions=decisions or Decisions(), moment=MOMENT + timedelta(days=days),
    )  # fmt: skip


def person_of(links: pl.DataFrame) -> dict[str, str]:
    return dict(links.select("source_person_id", "person_id").iter_rows())


def people(*rows: dict[str, object]) -> list[set[str]]:
    """Source persons by person."""
    found = linked(source(*rows))[0].group_by("person_id").agg("source_person_id")
    return sorted((set(one) for one in found["source_person_id"]), key=min)


def test_same_id_number_is_one_person() -> None:
    rows = [{"source_person_id": s, "id_number_token": "t1"} for s in ("a", "b")]
    assert people(*rows, {"source_person_id": "c"}) == [{"a", "b"}, {"c"}]


def test_rules_chain_through_a_third_record() -> None:
    assert people(
        {"source_person_id": "a", "id_number_token": "t1"},
        {"source_person_id": "b", "id_number_token": "t1", "insurance_token": "i1"},
        {"source_person_id": "c", "insurance_token": "i1"},
    ) == [{"a", "b", "c"}]


def test_twins_with_one_insurance_number_stay_two() -> None:
    rows = (
        {"source_person_id": "a", "id_number_token": "t1", "insurance_token": "i1"},
        {"source_person_id": "b", "id_number_token": "t2", "insurance_token": "i1"},
        {"source_person_id": "c", "insurance_token": "i1"},
    )
    links, found = linked(source(*rows))
    ids = person_of(links)
    assert ids["a"] != ids["b"], "two valid ID numbers are never one person, whatever lies between"
    assert "two_id_numbers" in found.conflicts["conflict"].to_list()
    assert "one_insurance_two_ids" in found.conflicts["conflict"].to_list()


def test_twins_without_any_number_stay_two() -> None:
    both = {"birth_date": BORN, "sex_code": "1", "phone_token": "p", "insurance_token": "i"}
    assert len(people(
        {"source_person_id": "a", "name_token": "n1", **both},
        {"source_person_id": "b", "name_token": "n2", **both},
    )) == 2  # fmt: skip


def test_newborn_twins_under_their_mothers_name_stay_two() -> None:
    child = {
        "name_token": "王芳之子", "mother_token": "王芳", "birth_date": date(2026, 2, 1),
        "sex_code": "1", "phone_token": "p",
    }  # fmt: skip
    assert len(people(*({"source_person_id": s, **child} for s in ("a", "b")))) == 2


def test_name_birth_sex_and_phone_together_are_enough_but_not_without_phone() -> None:
    same = {"name_token": "n", "birth_date": BORN, "sex_code": "1"}
    assert people(
        {"source_person_id": "a", **same, "phone_token": "p"},
        {"source_person_id": "b", **same, "phone_token": "p"},
        {"source_person_id": "c", **same},
    ) == [{"a", "b"}, {"c"}]


def test_somebody_elses_id_number_does_not_join() -> None:
    """The number's own date of birth tells whose it is."""
    owner = {"id_number_token": "t", "id_birth_date": BORN}
    links, found = linked(source(
        {"source_person_id": "a", "name_token": "甲", "birth_date": BORN, "phone_token": "p1",
         "sex_code": "1", **owner},
        {"source_person_id": "b", "name_token": "乙", "birth_date": date(1985, 6, 7),
         "sex_code": "2", "phone_token": "p2", **owner},
        {"source_person_id": "c", "name_token": "乙", "birth_date": date(1985, 6, 7),
         "sex_code": "2", "phone_token": "p2", "id_number_token": "u",
         "id_birth_date": date(1985, 6, 7)},
    ))  # fmt: skip
    ids = person_of(links)
    assert ids["a"] != ids["b"] == ids["c"]
    assert "one_id_two_people" in found.conflicts["conflict"].to_list()


def test_one_slip_in_an_id_number_joins_who_is_alike() -> None:
    slip = {"id_written_token": "w", "id_repair_tokens": "t9 t1 t3"}
    assert people(
        {"source_person_id": "a", "id_number_token": "t1", "name_token": "n", "birth_date": BORN},
        {"source_person_id": "b", **slip, "name_token": "n", "birth_date": BORN},
        {"source_person_id": "c", **slip, "name_token": "other", "birth_date": BORN},
    ) == [{"a", "b"}, {"c"}]


def test_a_number_that_many_share_is_no_evidence() -> None:
    rows = [
        {"source_person_id": f"s{n}", "name_token": f"n{n}", "birth_date": date(1960 + n, 1, 1),
         "insurance_token": "shared"}
        for n in range(5)
    ]  # fmt: skip
    rows += [{"source_person_id": f"x{n}", "insurance_token": "shared"} for n in range(2)]
    assert len(people(*rows)) == 7


def test_ids_stay_when_records_come_later() -> None:
    first, _ = linked(source({"source_person_id": "m", "id_number_token": "t"}))
    rows = [{"source_person_id": s, "id_number_token": "t"} for s in ("a", "m", "z")]
    second, _ = linked(source(*rows), first)
    assert set(person_of(second).values()) == set(person_of(first).values())
    assert events(first, second, MOMENT).is_empty()


def test_a_merge_a_split_and_the_absorbed_id_comes_back() -> None:
    alone = [{"source_person_id": "a"}, {"source_person_id": "b"}]
    first, _ = linked(source(*alone))
    second, _ = linked(source(*({**r, "id_number_token": "t"} for r in alone)), first, days=1)
    assert len(set(person_of(second).values())) == 1
    assert events(first, second, MOMENT)["event"].to_list() == ["merge"]
    past = ended(first, second, MOMENT)
    third, _ = linked(source(*alone), second, past, days=2)
    assert person_of(third) == person_of(first), "who was absorbed is who they were"
    assert events(second, third, MOMENT)["event"].to_list() == ["split"]


def test_of_a_split_the_larger_part_keeps_the_id() -> None:
    rows = [{"source_person_id": s, "id_number_token": "t"} for s in ("a", "b", "c")]
    first, _ = linked(source(*rows))
    rows[0]["id_number_token"] = "u"
    second, _ = linked(source(*rows), first)
    assert person_of(second)["b"] == person_of(second)["c"] == person_of(first)["b"]
    assert person_of(second)["a"] != person_of(first)["a"]


def test_a_clerk_joins_and_parts_against_the_rules() -> None:
    rows = source(
        {"source_person_id": "a", "insurance_token": "i"},
        {"source_person_id": "b", "insurance_token": "i"},
        {"source_person_id": "c"},
    )
    said = Decisions(same=[("a", "c")], different=[("a", "b")])
    ids = person_of(linked(rows, decisions=said)[0])
    assert ids["a"] == ids["c"] != ids["b"]


def test_a_clerk_cannot_join_two_id_numbers() -> None:
    rows = source(
        {"source_person_id": "a", "id_number_token": "t"},
        {"source_person_id": "b", "id_number_token": "u"},
    )
    links, found = linked(rows, decisions=Decisions(same=[("a", "b")]))
    assert len(set(person_of(links).values())) == 2
    assert found.conflicts["conflict"].to_list() == ["two_id_numbers"]


def test_what_a_member_merged_is_one_person_but_not_with_two_id_numbers() -> None:
    rows = ({"source_person_id": "a"}, {"source_person_id": "b"})
    said = Decisions(merged=[("a", "b")])
    links, _ = linked(source(*rows), decisions=said)
    assert set(links["rule"]) == {"merged_by_member"}
    assert links["person_id"].n_unique() == 1
    odd = [{**row, "id_number_token": n} for row, n in zip(rows, "tu", strict=True)]
    assert linked(source(*odd), decisions=said)[0]["person_id"].n_unique() == 2


def test_order_of_rows_does_not_matter() -> None:
    rows = [
        {"source_person_id": s, "id_number_token": t}
        for s, t in [("a", "1"), ("b", "2"), ("c", "1")]
    ]
    assert linked(source(*rows))[0].equals(linked(source(*rows[::-1]))[0])
