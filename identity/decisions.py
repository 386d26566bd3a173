"""What clerks have said of two source persons: one person, or two. Kept for ever, undone by date.

Belongs here: keeping and reading decisions. Not here: asking (`review.py`) and what follows from
them (`link.py`).
"""

import hashlib
from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl

from identity.link import DIFFERENT, SAME, Decisions
from ingestion.clock import now
from ingestion.entity import ZONE
from ingestion.lake import Lake, write_parquet

_TIME = pl.Datetime("us", ZONE)
DECISION_SCHEMA: dict[str, pl.DataType] = {
    "decision_id": pl.String(),
    "left_source_person_id": pl.String(),
    "right_source_person_id": pl.String(),
    "decision": pl.String(),
    "decided_by": pl.String(),
    "reason": pl.String(),
    "decided_at": _TIME,
    "revoked_by": pl.String(),
    "revoked_at": _TIME,
}


class BadDecision(ValueError):
    """A decision that cannot be kept; the message says why."""


def all_decisions(lake: Lake) -> pl.DataFrame:
    """Every decision ever made (`DECISION_SCHEMA`), revoked ones too."""
    path = lake.identity / "decision.parquet"
    return pl.read_parquet(path) if path.exists() else pl.DataFrame(schema=DECISION_SCHEMA)


def standing(lake: Lake) -> Decisions:
    """Decisions that hold."""
    rows = all_decisions(lake).filter(pl.col("revoked_at").is_null())
    sides = ("left_source_person_id", "right_source_person_id")

    def pairs(kind: str) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = list(
            rows.filter(pl.col("decision") == kind).select(sides).iter_rows()
        )
        return found

    return Decisions(pairs(SAME), pairs(DIFFERENT))


def decide(lake: Lake, left: str, right: str, decision: str, *, by: str, reason: str) -> str:
    """Keep a decision in place of an earlier one about the same two; gives its id.

    Raises:
        BadDecision: nobody says so, no reason is given, or it is about one source person.
    """
    if not by.strip() or not reason.strip():
        raise BadDecision("请写明经办人和理由")
    if left == right or decision not in (SAME, DIFFERENT):
        raise BadDecision("须是两条来源身份，结论为“同一人”或“不是同一人”")
    left, right = sorted((left, right))
    moment = now()
    rows = all_decisions(lake)
    about = (pl.col("left_source_person_id") == left) & (pl.col("right_source_person_id") == right)
    rows = _revoked(rows, about, by, moment)
    mark = hashlib.sha256(f"{left}|{right}|{moment.isoformat()}".encode()).hexdigest()[:12]
    row = (mark, left, right, decision, by.strip(), reason.strip(), moment, None, None)
    fresh = pl.DataFrame([row], schema=DECISION_SCHEMA, orient="row")
    write_parquet(pl.concat([rows, fresh]), lake.identity / "decision.parquet")
    return mark


def revoke(lake: Lake, decision_id: str, *, by: str) -> None:
    """Undo a decision; what it had joined or parted is linked by the rules again.

    Raises:
        BadDecision: there is no such decision that holds.
    """
    rows = all_decisions(lake)
    about = pl.col("decision_id") == decision_id
    if rows.filter(about & pl.col("revoked_at").is_null()).is_empty():
        raise BadDecision(f"没有有效的判定 {decision_id}")
    write_parquet(_revoked(rows, about, by, now()), lake.identity / "decision.parquet")


def _revoked(rows: pl.DataFrame, about: pl.Expr, by: str, moment: datetime) -> pl.DataFrame:
    ends = about & pl.col("revoked_at").is_null()
    return rows.with_columns(
        pl.when(ends).then(pl.lit(by)).otherwise("revoked_by").alias("revoked_by"),
        pl.when(ends).then(pl.lit(moment, _TIME)).otherwise("revoked_at").alias("revoked_at"),
    )


def touched_since(lake: Lake, moment: datetime) -> list[str]:
    """Source persons of decisions made or undone after a moment."""
    then = pl.lit(moment.astimezone(ZoneInfo(ZONE)), _TIME)
    later = (pl.col("decided_at") > then) | (pl.col("revoked_at") > then).fill_null(False)
    rows = all_decisions(lake).filter(later)
    return [*rows["left_source_person_id"], *rows["right_source_person_id"]]
