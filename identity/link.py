"""Who is who: source persons that are one person get one stable `person_id`.

Sure rules first, then weighing of what they leave open; a clerk's word before both. Nothing joins
two different valid ID numbers. Works on tokens: no name or number is seen here.

Belongs here: the order of steps for one set of source persons. Not here: the steps themselves and
where results are kept (`store.py`). Decision: docs/decisions/0017-identity.md.
"""

from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from identity import persons
from identity.cluster import Group, Labels, by_rules, cluster, groups_of
from identity.probable import NotInstalled, guarded, model, probable_pairs
from identity.rules import CLERK, MEMBER, PAIR_SCHEMA, nodes_of, sure_pairs
from identity.sources import KEY, without_shared

LINK_SCHEMA = persons.LINK_SCHEMA
CONFLICT_SCHEMA: dict[str, pl.DataType] = {
    "conflict": pl.String(),
    "left_source_person_id": pl.String(),
    "right_source_person_id": pl.String(),
    "score": pl.Float64(),
}
"""What contradicts itself, for somebody to look at: a row a pair; the left one may stand alone."""
REVIEW_SCHEMA: dict[str, pl.DataType] = {
    "left_source_person_id": pl.String(),
    "right_source_person_id": pl.String(),
    "score": pl.Float64(),
    "why": pl.String(),
    "model": pl.String(),
}
"""Pairs of the middle band, one for two groups: only a clerk can tell."""
SAME, DIFFERENT = "same", "different"


@dataclass(frozen=True)
class Decisions:
    """What has been said of pairs of source persons: by clerks, one person (`same`) or two
    (`different`); by the member itself, one (`merged`: HL7 v2 A40 and its like)."""

    same: list[tuple[str, str]] = field(default_factory=list)
    different: list[tuple[str, str]] = field(default_factory=list)
    merged: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Linked:
    """Groups of source persons (`KEY`, `group`, `rule`, `evidence`, `score`), what contradicts and
    what is to be asked; `weighed` is false where Splink is missing."""

    groups: pl.DataFrame
    conflicts: pl.DataFrame
    review: pl.DataFrame
    weighed: bool


def group(
    sources: pl.DataFrame,
    *,
    shared: pl.DataFrame,
    frequency: pl.DataFrame | None,
    decisions: Decisions,
) -> Linked:
    """Put source persons together.

    Args:
        sources: As `current_sources` gives them.
        shared: Numbers that are no evidence.
        frequency: How frequent names and phones are; None leaves out the weighing.
        decisions: What clerks have said.
    """
    parted = {key for pair in decisions.different for key in pair}
    nodes, of = nodes_of(without_shared(sources, shared), parted)
    first = of.group_by("node").agg(pl.col(KEY).min())
    node_of = dict(of.select(KEY, "node").iter_rows())
    pairs, conflicts = sure_pairs(nodes)
    said = [(*pair, "clerk", CLERK) for pair in decisions.same]
    said += [(*pair, "merged_by_member", MEMBER) for pair in decisions.merged]
    rows = [
        (min(node_of[a], node_of[b]), max(node_of[a], node_of[b]), rule, rank, 1.0)
        for a, b, rule, rank in said
        if a in node_of and b in node_of and node_of[a] != node_of[b]
    ]
    pairs = pl.concat([pl.DataFrame(rows, schema=PAIR_SCHEMA, orient="row"), pairs])
    apart = [
        (node_of[a], node_of[b])
        for a, b in decisions.different
        if a in node_of and b in node_of and node_of[a] != node_of[b]
    ]
    label, refused = by_rules(nodes, pairs, apart)
    found = [pl.DataFrame(refused, schema=_REFUSED, orient="row")]
    review = pl.DataFrame(schema={"left": pl.Int64, "right": pl.Int64, "score": pl.Float64,
                                  "why": pl.String})  # fmt: skip
    weighed = frequency is not None
    if frequency is not None:
        try:
            label, joined, review = _weighed(nodes, label, frequency, apart)
            pairs = pl.concat([pairs, joined])
        except NotInstalled:
            weighed = False
    name = dict(first.iter_rows())
    conflicts = conflicts.select("left", "right", pl.col("rule").alias("why"), "score")
    conflicts = pl.concat([conflicts, *(f.with_columns(score=pl.lit(1.0)) for f in found)])
    groups = _explained(nodes, pairs, label, of, name)
    return Linked(
        groups,
        _named(conflicts, name, "conflict", CONFLICT_SCHEMA),
        _named(review.with_columns(model=pl.lit(model().version)), name, "why", REVIEW_SCHEMA),
        weighed,
    )


_REFUSED = {"left": pl.Int64, "right": pl.Int64, "why": pl.String}


def _weighed(
    nodes: pl.DataFrame, label: Labels, frequency: pl.DataFrame, apart: list[tuple[int, int]]
) -> tuple[Labels, pl.DataFrame, pl.DataFrame]:
    """Groups after weighing, the pairs that joined them and the pairs to be asked about.

    The best pair of two groups speaks for them, best first; children under their mothers' names
    come after all others.
    """
    nodes = nodes.with_columns(pl.Series("cluster", label))
    numbers = pl.col("person_number").drop_nulls().first().over("cluster")
    nodes = nodes.with_columns(numbers.alias("person_number"))
    found = guarded(probable_pairs(nodes, frequency), nodes)
    found = found.with_columns(
        pl.Series("a", label[found["left"].to_numpy()]),
        pl.Series("b", label[found["right"].to_numpy()]),
    )
    found = found.with_columns(
        pl.min_horizontal("a", "b").alias("a"), pl.max_horizontal("a", "b").alias("b")
    )
    best = found.sort(
        ["may_merge", "weight", "left", "right"], descending=[True, True, False, False]
    ).unique(["a", "b"], keep="first", maintain_order=True)
    sure = best.filter(pl.col("may_merge") & (pl.col("score") >= model().merge_above))
    strongest = sure.sort(["weight", "left", "right"], descending=[True, False, False])
    touched = pl.concat([best["a"], best["b"]]).unique().sort()
    held = nodes.join(touched.alias("cluster").to_frame(), on="cluster", how="semi")
    groups: dict[int, Group] = groups_of(held, "cluster", apart)
    grown = strongest.filter(~pl.col("newborn")).select("a", "b").rows()
    root, refused = cluster(groups, grown, by_name=True)
    born = _newborn_pairs(strongest.filter(pl.col("newborn")), nodes, root)
    joined_now = {key: groups[key] for key in set(root.values())}
    later, refused_later = cluster(joined_now, born, by_name=True)
    root = {key: later[to] for key, to in root.items()}
    refused += refused_later
    after = label.copy()
    moved = {key: to for key, to in root.items() if key != to}
    if moved:
        after = pl.Series("l", label).replace(list(moved), list(moved.values())).to_numpy().copy()
    why = {(a, b): reason for a, b, reason in refused}
    joined, asked = [], []
    for row in best.iter_rows(named=True):
        a, b = row["a"], row["b"]
        if root[a] == root[b]:
            joined.append((row["left"], row["right"], "probable", row["rank"], row["score"]))
        elif row["may_ask"] and not groups_apart(groups, root[a], root[b]):
            reason = why.get((a, b), "newborn" if row["newborn"] else "middle_band")
            asked.append((row["left"], row["right"], row["score"], reason))
    return (
        after,
        pl.DataFrame(joined, schema=PAIR_SCHEMA, orient="row"),
        pl.DataFrame(asked, schema={"left": pl.Int64, "right": pl.Int64, "score": pl.Float64,
                                    "why": pl.String}, orient="row"),
    )  # fmt: skip


def _newborn_pairs(
    sure: pl.DataFrame, nodes: pl.DataFrame, root: dict[int, int]
) -> list[tuple[int, int]]:
    """Pairs of groups of which one holds a child under its mother's name, best first, where nobody
    else comes into question: no twin is known to one member, and no two named children fit."""
    child = nodes.filter(pl.col("mother_token").is_not_null())
    family = ["mother_token", "birth_date"]
    twins = child.filter(pl.len().over([*family, "member_id"]) > 1).select(family).unique()
    twin_groups = set(child.join(twins, on=family, how="semi", nulls_equal=True)["cluster"])
    unnamed = set(child["cluster"])
    pairs = [(a, b, root[a], root[b]) for a, b in sure.select("a", "b").iter_rows()]
    fits: dict[int, set[int]] = {}
    for a, b, to_a, to_b in pairs:
        for one, other, to in ((a, b, to_b), (b, a, to_a)):
            if one in unnamed and other not in unnamed:
                fits.setdefault(one, set()).add(to)
    doubtful = twin_groups | {key for key, found in fits.items() if len(found) > 1}
    return [(to_a, to_b) for a, b, to_a, to_b in pairs if a not in doubtful and b not in doubtful]


_SETTLED = frozenset({"clerk_different", "two_id_numbers"})


def groups_apart(groups: dict[int, Group], a: int, b: int) -> bool:
    """True where a rule already keeps two groups apart for good."""
    return groups[a].refuses(groups[b], by_name=False) in _SETTLED


def _explained(
    nodes: pl.DataFrame, pairs: pl.DataFrame, label: Labels, of: pl.DataFrame, name: dict[int, str]
) -> pl.DataFrame:
    """Every source person with its group, and the strongest rule that holds it there with the
    source person it agrees with; alone, or the same in every word, where no pair was needed."""
    one = label[pairs["left"].to_numpy()] == label[pairs["right"].to_numpy()]
    inside = pairs.filter(pl.Series(one))
    both = pl.concat(
        [
            inside.select(pl.col("left").alias("node"), pl.col("right").alias("with"), "rule",
                          "rank", "score"),
            inside.select(pl.col("right").alias("node"), pl.col("left").alias("with"), "rule",
                          "rank", "score"),
        ]
    ).sort(["rank", "score", "with"], descending=[False, True, False])  # fmt: skip
    best = both.unique("node", keep="first", maintain_order=True)
    other = pl.col("with").replace_strict(list(name), list(name.values()), default=None,
                                          return_dtype=pl.String)  # fmt: skip
    held = (
        nodes.select("node", pl.Series("group", label))
        .join(best.select("node", "rule", other.alias("evidence"), "score"), on="node", how="left")
        .join(of, on="node")
    )
    twice = pl.len().over("node") > 1
    rule = pl.coalesce(
        "rule", pl.when(twice).then(pl.lit("same_in_all")).otherwise(pl.lit("alone"))
    )
    return held.select(KEY, "group", rule.alias("rule"), "evidence", "score").sort(KEY)


def _named(
    pairs: pl.DataFrame, name: dict[int, str], why: str, schema: dict[str, pl.DataType]
) -> pl.DataFrame:
    """Pairs of nodes as pairs of source persons."""

    def who(side: str) -> pl.Expr:
        return pl.col(side).replace_strict(
            list(name), list(name.values()), default=None, return_dtype=pl.String
        )

    named = pairs.with_columns(
        who("left").alias("left_source_person_id"), who("right").alias("right_source_person_id"),
        pl.col("why").alias(why),
    )  # fmt: skip
    return named.select(*schema).cast(schema).unique().sort(list(schema)[:3])  # type: ignore[arg-type]


def link(
    sources: pl.DataFrame,
    known: pl.DataFrame,
    past: pl.DataFrame,
    *,
    shared: pl.DataFrame,
    frequency: pl.DataFrame | None,
    decisions: Decisions,
    moment: datetime,
) -> tuple[pl.DataFrame, Linked]:
    """Group source persons and give every one a person_id (`LINK_SCHEMA`), ordered by key."""
    linked = group(sources, shared=shared, frequency=frequency, decisions=decisions)
    return persons.with_ids(linked.groups, known, past, moment), linked
