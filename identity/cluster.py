"""Pairs to people, without ever putting together what must stay apart.

Belongs here: connected components, and taking them apart where they hold two people. Not here:
which pairs there are (`rules.py`, `probable.py`) and which ids people carry (`persons.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

Labels = npt.NDArray[np.int64]


def components(count: int, left: Labels, right: Labels) -> Labels:
    """The least node of each node's connected component."""
    label = np.arange(count, dtype=np.int64)
    while True:
        low = np.minimum(label[left], label[right])
        before = label.copy()
        np.minimum.at(label, label[left], low)
        np.minimum.at(label, label[right], low)
        np.minimum.at(label, left, low)
        np.minimum.at(label, right, low)
        label = label[label]
        if np.array_equal(label, before):
            return label


@dataclass
class Group:
    """Nodes put together so far, and what keeps them from others.

    Args:
        numbers: Valid ID numbers: at most one.
        names: Sounds and consonants of names.
        newborn: Members that know a child under its mother's name here: each knows it once.
        apart: Nodes a clerk has said are somebody else.
    """

    nodes: set[int]
    numbers: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    newborn: set[str] = field(default_factory=set)
    apart: set[int] = field(default_factory=set)

    def refuses(self, other: "Group", *, by_name: bool) -> str | None:
        """Why the two are not one person; None when they may be."""
        if self.apart & other.nodes or other.apart & self.nodes:
            return "clerk_different"
        if len(self.numbers | other.numbers) > 1:
            return "two_id_numbers"
        if self.newborn & other.newborn:
            return "two_newborns_of_one_member"
        if by_name and self.names and other.names and not self.names & other.names:
            return "other_name"
        return None

    def take(self, other: "Group") -> None:
        self.nodes |= other.nodes
        self.numbers |= other.numbers
        self.names |= other.names
        self.newborn |= other.newborn
        self.apart |= other.apart


def cluster(
    groups: Mapping[int, Group], pairs: Iterable[tuple[int, int]], *, by_name: bool
) -> tuple[dict[int, int], list[tuple[int, int, str]]]:
    """Join pair by pair, in the order given, what may be joined.

    Returns:
        The root of every key of `groups`, and the pairs refused with the reason.
    """
    root = {key: key for key in groups}
    joined = dict(groups)
    refused = []

    def find(key: int) -> int:
        while root[key] != key:
            root[key] = root[root[key]]
            key = root[key]
        return key

    for left, right in pairs:
        a, b = sorted((find(left), find(right)))
        if a == b:
            continue
        why = joined[a].refuses(joined[b], by_name=by_name)
        if why:
            refused.append((left, right, why))
            continue
        joined[a].take(joined.pop(b))
        root[b] = a
    return {key: find(key) for key in root}, refused


def by_rules(
    nodes: pl.DataFrame, pairs: pl.DataFrame, apart: Iterable[tuple[int, int]]
) -> tuple[Labels, list[tuple[int, int, str]]]:
    """The group of every node by sure pairs, and pairs that were refused.

    Components that hold no contradiction are taken whole; the others are joined pair by pair, the
    stronger rule first.
    """
    left, right = (pairs[c].to_numpy().astype(np.int64) for c in ("left", "right"))
    label = components(nodes.height, left, right)
    held = nodes.select("node", "person_number", "mother_token", "member_id").with_columns(
        pl.Series("label", label)
    )
    newborn = pl.col("mother_token").is_not_null()
    odd = held.group_by("label").agg(
        (pl.col("person_number").drop_nulls().n_unique() > 1).alias("ids"),
        (newborn.sum() > pl.col("member_id").filter(newborn).n_unique()).alias("born"),
    )
    bad = set(odd.filter(pl.col("ids") | pl.col("born"))["label"])
    said = list(apart)
    bad |= {int(label[a]) for a, b in said if label[a] == label[b]}
    if not bad:
        return label, []
    inside = held.filter(pl.col("label").is_in(list(bad)))
    groups = groups_of(nodes.join(inside.select("node"), on="node", how="semi"), "node", said)
    chosen = pairs.filter(pl.Series(np.isin(label[left], list(bad))))
    chosen = chosen.sort("rank", "left", "right")
    root, refused = cluster(groups, chosen.select("left", "right").iter_rows(), by_name=False)
    label[list(root)] = list(root.values())
    return label, refused


def groups_of(nodes: pl.DataFrame, by: str, apart: Iterable[tuple[int, int]]) -> dict[int, Group]:
    """What keeps the groups of a column apart from others, by the value of that column."""
    newborn = pl.col("mother_token").is_not_null()
    found = nodes.group_by(by).agg(
        pl.col("node").alias("own"),
        pl.col("person_number").drop_nulls().unique(),
        pl.concat_list("name_sound_token", "name_consonants_token").explode().drop_nulls().unique()
        .alias("names"),
        pl.col("member_id").filter(newborn).unique().alias("newborn"),
    )  # fmt: skip
    groups = {
        key: Group(set(own), set(numbers), set(names), set(members))
        for key, own, numbers, names, members in found.iter_rows()
    }
    of = {node: key for key, group in groups.items() for node in group.nodes}
    for a, b in apart:
        if a in of:
            groups[of[a]].apart.add(b)
        if b in of:
            groups[of[b]].apart.add(a)
    return groups
