"""Sure rules: pairs of people that are one without any weighing.

Works on *nodes*: source persons that say exactly the same are one node, where what they say
identifies somebody; else each is a node of its own, and so is every child registered under its
mother's name, because twins may say the same.

Belongs here: nodes, pairs by rule, what contradicts. Not here: weighing (`probable.py`), putting
pairs together (`cluster.py`). Source of the rules: docs/decisions/0017-identity.md.
"""

from collections.abc import Collection

import polars as pl

from identity.sources import EVIDENCE, KEY

NODE = "node"
PAIR_SCHEMA: dict[str, pl.DataType] = {
    "left": pl.Int64(), "right": pl.Int64(), "rule": pl.String(), "rank": pl.Int32(),
    "score": pl.Float64(),
}  # fmt: skip
CLERK, MEMBER, ID, REPAIR, CARD, INSURANCE, TOGETHER, PROBABLE = range(8)
"""Order of strength: a weaker pair yields where pairs contradict each other."""


def nodes_of(
    sources: pl.DataFrame, single: Collection[str] = ()
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Nodes (`node`, `EVIDENCE`, `member_id`, `person_number`) and the node of each source person.

    Source persons in `single` are nodes of their own: a clerk has spoken of them.


    `person_number` is the valid ID number that a node stands for; null where the number may be
    somebody else's: the date of birth that the node says itself is far from the one in it, or
    others carry it under another name while this name and birth are known under another number.
    """
    identifies = pl.any_horizontal(
        pl.col("id_number_token", "health_card_token", "insurance_token").is_not_null()
    ) | pl.all_horizontal(
        pl.col("name_token", "birth_date", "sex_code", "phone_token").is_not_null()
    )
    own = ~identifies | pl.col("mother_token").is_not_null() | pl.col(KEY).is_in(list(single))
    alone = pl.when(own).then(KEY).alias("_alone")
    parts = sources.sort(KEY).with_columns(alone)
    by = [*EVIDENCE, "_alone"]
    nodes = parts.group_by(by, maintain_order=True).agg(
        pl.col("member_id").first(), pl.col(KEY).alias("members")
    )
    nodes = nodes.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(NODE))
    of = nodes.select(NODE, pl.col("members").alias(KEY)).explode(KEY)
    far = ~near("birth_date", "id_birth_date").fill_null(True)
    nodes = nodes.drop("_alone", "members").with_columns(
        pl.when(~far).then("id_number_token").alias("person_number")
    )
    own = ~pl.col(NODE).is_in(_borrowers(nodes).implode())
    return nodes.with_columns(pl.when(own).then("person_number").alias("person_number")), of


def _borrowers(nodes: pl.DataFrame) -> pl.Series:
    """Nodes whose ID number others carry under another name, while their own name and birth are
    known under another number, as when a twin is written down with the other's number."""
    known = nodes.select("name_sound_token", "birth_date", "person_number").drop_nulls().unique()
    named = [c for c in nodes.columns if c.startswith("name_")]
    holders = nodes.drop_nulls(["person_number", "name_sound_token"]).filter(
        pl.col("name_sound_token").n_unique().over("person_number") > 1
    )
    pairs = holders.join(holders.select("person_number", NODE, *named), on="person_number")
    odd = pairs.filter((pl.col(NODE) != pl.col("node_right")) & ~alike().fill_null(True))
    elsewhere = odd.join(known, on=["name_sound_token", "birth_date"], suffix="_known").filter(
        pl.col("person_number") != pl.col("person_number_known")
    )
    return elsewhere[NODE].unique()


def near(left: str, right: str) -> pl.Expr:
    """True where two dates are one, or differ by one slip: day and month changed over, or only one
    of year, month and day another. Null where one is missing."""
    a, b = pl.col(left), pl.col(right)
    year, month = a.dt.year() == b.dt.year(), a.dt.month() == b.dt.month()
    day = a.dt.day() == b.dt.day()
    swapped = year & (a.dt.month() == b.dt.day()) & (a.dt.day() == b.dt.month())
    close = (a.dt.year() - b.dt.year()).abs() <= 10
    return (a == b) | swapped | (year & (month | day)) | (month & day & close)


def alike(suffix: str = "_right") -> pl.Expr:
    """True where two names are one by plain form, sound, or consonants of a transcription; null
    where one is not known."""
    same = [
        (pl.col(c) == pl.col(c + suffix)).fill_null(False)
        for c in ("name_token", "name_sound_token", "name_consonants_token")
    ]
    known = (
        pl.col("name_sound_token").is_not_null() & pl.col("name_sound_token" + suffix).is_not_null()
    )
    return pl.when(known).then(pl.any_horizontal(same))


def contradicts() -> pl.Expr:
    """Another name: a slip as likely as a twin or a relative written down with the other's number,
    so one number does not decide it."""
    return ~alike().fill_null(True)


def _pairs(nodes: pl.DataFrame, left: list[str], right: list[str] | None = None) -> pl.DataFrame:
    """Nodes that agree in the columns, side by side; a pair stands once."""
    have, other = nodes.drop_nulls(left), nodes.drop_nulls(right or left)
    if right is None:
        keep = pl.len().over(left) > 1
        have = other = have.filter(keep)
    found = have.join(other, left_on=left, right_on=right or left, suffix="_right", coalesce=False)
    once = pl.col(NODE) < pl.col("node_right") if right is None else (
        pl.col(NODE) != pl.col("node_right")
    )  # fmt: skip
    return found.filter(once)


def sure_pairs(nodes: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pairs by rule (`PAIR_SCHEMA`), and pairs that share an ID number and contradict each other
    (the same, `rule` naming the conflict)."""
    pairs, conflicts = [], []
    by_id = _pairs(nodes, ["id_number_token"])
    pairs.append(_rule(by_id.filter(~contradicts()), "id_number", ID))
    conflicts.append(_rule(by_id.filter(contradicts()), "one_id_two_people", ID))

    slips = nodes.drop_nulls("id_repair_tokens").with_columns(
        pl.col("id_repair_tokens").str.split(" ").alias("repair")
    ).explode("repair")  # fmt: skip
    mended = _pairs_of(slips, "repair", nodes, "id_number_token")
    pairs.append(_rule(mended.filter(_same_person()), "id_one_slip", REPAIR))
    written = _pairs(nodes, ["id_written_token"])
    pairs.append(_rule(written.filter(_same_person()), "id_as_written", REPAIR))

    cards = ("health_card", CARD), ("insurance", INSURANCE)
    for name, rank in cards:
        found = _pairs(nodes, [f"{name}_token"])
        born = near("birth_date", "birth_date_right").fill_null(True)
        sure = alike().fill_null(True) & born
        named = pl.col("mother_token").is_null() & pl.col("mother_token_right").is_null()
        pairs.append(_rule(found.filter(sure & named), name, rank))
        other_id = (pl.col("person_number") != pl.col("person_number_right")).fill_null(False)
        conflicts.append(_rule(found.filter(other_id), f"one_{name}_two_ids", rank))

    grown = nodes.filter(pl.col("mother_token").is_null())
    together = _pairs(grown, ["name_token", "birth_date", "sex_code", "phone_token"])
    pairs.append(_rule(together, "name_birth_sex_phone", TOGETHER))
    return pl.concat(pairs), pl.concat(conflicts)


def _pairs_of(left: pl.DataFrame, on: str, right: pl.DataFrame, other: str) -> pl.DataFrame:
    found = left.drop_nulls(on).join(
        right.drop_nulls(other), left_on=on, right_on=other, suffix="_right", coalesce=False
    )
    return found.filter(pl.col(NODE) != pl.col("node_right"))


def _same_person() -> pl.Expr:
    """Alike in name and near in birth; one of them may be missing, not both."""
    born = near("birth_date", "birth_date_right")
    return (alike() & born.fill_null(True)).fill_null(False)


def _rule(pairs: pl.DataFrame, rule: str, rank: int) -> pl.DataFrame:
    ordered = (pl.min_horizontal(NODE, "node_right"), pl.max_horizontal(NODE, "node_right"))
    return (
        pairs.select(
            ordered[0].alias("left"), ordered[1].alias("right"), pl.lit(rule).alias("rule"),
            pl.lit(rank).alias("rank"), pl.lit(1.0).alias("score"),
        )
        .cast(PAIR_SCHEMA)  # type: ignore[arg-type]
        .unique()
        .sort("left", "right")
    )  # fmt: skip
