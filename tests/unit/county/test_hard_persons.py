"""People who are hard to tell apart: the same each time, and hard in every way that is promised."""

import polars as pl

from county.hard_persons import MEMBERS, SCHEMA, HardPersons


def test_same_seed_same_rows_other_seed_others() -> None:
    rows = HardPersons(300, 1).rows()
    assert rows.equals(HardPersons(300, 1).rows())
    assert not rows.equals(HardPersons(300, 2).rows())
    assert dict(rows.schema) == SCHEMA


def test_everybody_is_known_to_somebody_and_to_each_member_under_one_number() -> None:
    made = HardPersons(1_000, 1)
    rows = made.rows()
    assert rows["person"].n_unique() == len(made.people)
    assert set(rows["member"]) == set(MEMBERS)
    named = rows.filter(pl.col("kind") != "newborn")
    assert (
        named.group_by("member", "local_id").agg(pl.col("person").n_unique())["person"].max() == 1
    )


def test_twins_differ_in_name_only_and_newborns_carry_their_mothers() -> None:
    made = HardPersons(6_000, 1)
    twins = [one for one in made.people if one.is_twin and one.mother is None]
    for one, other in zip(twins[::2], twins[1::2], strict=True):
        assert (one.birth, one.sex, one.phone, one.address) == (
            other.birth, other.sex, other.phone, other.address
        )  # fmt: skip
        assert one.name != other.name and one.id_number != other.id_number
    born = made.rows().filter(pl.col("kind") == "newborn")
    assert born["id_number"].null_count() == born.height > 0
    assert born["person_name"].str.contains("之").all()


def test_id_numbers_are_nobody_elses() -> None:
    made = HardPersons(6_000, 1)
    assert len({one.id_number for one in made.people}) == len(made.people)
