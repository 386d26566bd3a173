"""Who is who: source persons that are surely the same get one stable `person_id`.

Deterministic rules only: same valid ID number (GB 11643), else same health card, same insurance
number, or same name, birth date, sex and phone together. Records with two different valid ID
numbers are never joined, whatever else they share. Works on tokens; no name or number is seen here.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

RULES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("id_number", ("id_number_token",)),
    ("health_card", ("health_card_token",)),
    ("insurance", ("insurance_token",)),
    ("name_birth_sex_phone", ("name_token", "birth_date", "sex_code", "phone_token")),
)

LINK_SCHEMA = {
    "source_person_id": pl.String(),
    "person_id": pl.String(),
    "rule": pl.String(),
}


@dataclass(frozen=True)
class Merge:
    """Two known persons turned out to be one: `absorbed` is never used again."""

    absorbed: str
    kept: str


class _Clusters:
    """Union-find over source persons that refuses to join two different ID numbers."""

    def __init__(self, members: Iterable[str], id_tokens: dict[str, set[str]]) -> None:
        self.parent = {member: member for member in members}
        self.id_tokens = {m: set(id_tokens.get(m, ())) for m in self.parent}
        self.rule = dict.fromkeys(self.parent, "alone")

    def root(self, member: str) -> str:
        while self.parent[member] != member:
            self.parent[member] = self.parent[self.parent[member]]
            member = self.parent[member]
        return member

    def join(self, left: str, right: str, rule: str) -> None:
        a, b = sorted((self.root(left), self.root(right)))
        if a == b:
            return
        joined = self.id_tokens[a] | self.id_tokens[b]
        if len(joined) > 1 and rule != "id_number":
            return
        self.parent[b] = a
        self.id_tokens[a] = joined
        for member in (left, right):
            if self.rule[member] == "alone":
                self.rule[member] = rule


def link(source_person: pl.DataFrame, known: pl.DataFrame) -> tuple[pl.DataFrame, list[Merge]]:
    """Give every source person a person_id.

    Args:
        source_person: All versions of silver/source_person.
        known: Earlier result (`LINK_SCHEMA`), possibly empty; its ids are kept.

    Returns:
        One row per source_person_id in `LINK_SCHEMA`, ordered by it, and the merges that happened.
    """
    id_tokens: dict[str, set[str]] = {}
    for member, token in (
        source_person.select("source_person_id", "id_number_token").drop_nulls().iter_rows()
    ):
        id_tokens.setdefault(member, set()).add(token)
    members = source_person["source_person_id"].drop_nulls().unique().sort().to_list()
    clusters = _Clusters(members, id_tokens)
    for rule, columns in RULES:
        groups = (
            source_person.drop_nulls(["source_person_id", *columns])
            .group_by(list(columns))
            .agg(pl.col("source_person_id").unique().sort())
            .filter(pl.col("source_person_id").list.len() > 1)
            .sort(pl.col("source_person_id").list.first())
        )
        for group in groups["source_person_id"].to_list():
            for other in group[1:]:
                clusters.join(group[0], other, rule)
    return _name(clusters, members, dict(known.select("source_person_id", "person_id").iter_rows()))


def _name(
    clusters: _Clusters, members: list[str], known: dict[str, str]
) -> tuple[pl.DataFrame, list[Merge]]:
    """Old ids first: a cluster keeps the id of its first known member; new ones get a new id."""
    by_root: dict[str, list[str]] = {}
    for member in members:
        by_root.setdefault(clusters.root(member), []).append(member)
    used = set(known.values())
    taken: set[str] = set()
    merges: list[Merge] = []
    person: dict[str, str] = {}
    for root in sorted(by_root):
        old = sorted({known[m] for m in by_root[root] if m in known} - taken)
        if old:
            kept, *absorbed = old
            merges += [Merge(a, kept) for a in absorbed if _gone(a, by_root[root], known)]
        else:
            kept = _new_id(by_root[root][0], used)
        used.add(kept)
        taken.add(kept)
        for member in by_root[root]:
            person[member] = kept
    rows = [(m, person[m], clusters.rule[m]) for m in members]
    return pl.DataFrame(rows, schema=LINK_SCHEMA, orient="row"), merges


def _gone(person_id: str, cluster: list[str], known: dict[str, str]) -> bool:
    """True when no source person outside the cluster still carries this id."""
    inside = set(cluster)
    return all(m in inside for m, p in known.items() if p == person_id)


def _new_id(seed: str, used: set[str]) -> str:
    for attempt in range(1_000):
        candidate = "P" + hashlib.sha256(f"{seed}|{attempt}".encode()).hexdigest()[:15]
        if candidate not in used:
            return candidate
    raise RuntimeError("no free person_id")
