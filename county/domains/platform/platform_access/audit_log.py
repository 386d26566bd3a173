"""The audit log as a chain of digests, and the use of cryptographic keys.

Belongs here: what is recorded about acts on data. Not here: accounts and sign-ins
(`domain.py`).
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, drawn, minutes_later, serial
from county.domains.outbreak import planted_rows
from county.roles import CONSORTIUM, COUNTY_HOSPITAL
from county.scene import Export, Planted, Scene

AUDIT = "consortium__security__audit"
OWN_LOG = "county_hospital__emr__access_log"
KEYS = "consortium__security__key_events"
_CHAINED = (
    pl.col("sequence_number"), pl.col("user_id"), pl.col("action_code"), pl.col("object_name"),
    pl.col("row_count"), pl.col("occurred_at").dt.strftime("%Y-%m-%dT%H:%M:%S"),
)  # fmt: skip


class AuditLog:
    """The platform's log, whose chain runs on from month to month, and the hospital's own."""

    def __init__(self, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._length, self._last = 0, "0" * 64

    def month(
        self, scene: Scene, sign_ins: pl.DataFrame, random: np.random.Generator
    ) -> Iterator[Export]:
        acts = self._acts(sign_ins, random)
        night = self._night_export(scene, acts, random)
        chain = self._chained(pl.concat([acts, night], how="diagonal").sort(
            "occurred_at", "user_id", "action_code", "object_name"
        ))  # fmt: skip
        chain = chain.with_columns(serial("SJ", scene.month, len(chain)).alias("audit_id"))
        # One row is missing from the log: the next one's digest has nothing to follow.
        lost = len(chain) // 2
        chain = chain.filter(pl.int_range(pl.len()) != lost)
        yield Export(
            AUDIT,
            chain,
            [
                Planted("audit_chain_broken", str(chain["audit_id"][lost])),
                *planted_rows("abnormal_access", chain, "audit_id", pl.col("is_night")),
            ],
        )
        own = drawn(
            random,
            acts.filter(pl.col("organization_id") == COUNTY_HOSPITAL),
            self._rates["own_log"],
            least=3,
        )
        own = own.with_columns(
            minutes_later(own["occurred_at"], random.uniform(3, 20, len(own)))
            .alias("occurred_at")
        ).sort("occurred_at", "user_id")  # fmt: skip
        yield Export(
            OWN_LOG, own.with_columns(serial("DY", scene.month, len(own)).alias("audit_id"))
        )

    def _acts(self, sign_ins: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        """What people did after they had signed in."""
        rates = self._rates
        inside = sign_ins.filter(pl.col("result_code") == "success")
        parts = []
        for action, share in rates["acts"].items():
            done = drawn(random, inside, share, least=1)
            parts.append(done.with_columns(pl.lit(action).alias("action_code")))
        acts = pl.concat(parts)
        size = len(acts)
        objects = acts["role_code"].replace_strict(
            rates["objects"], return_dtype=pl.List(pl.String)
        )
        turn = pl.Series(random.integers(0, 1 << 20, size))
        action = pl.col("action_code")
        wide = pl.Series(np.ceil(np.exp(random.normal(3.2, 1.3, size))).astype(np.int64))
        allowed = ~chance(random, rates["refused"], size)
        return acts.select(
            "user_id",
            "organization_id",
            "network_address",
            "action_code",
            pl.lit("医共体数据平台").alias("component_name"),
            objects.list.get(pl.select(pl.lit(turn) % pl.lit(objects).list.len()).to_series())
            .alias("object_name"),
            pl.col("role_code").replace_strict(rates["purposes"], return_dtype=pl.String)
            .alias("purpose_code"),
            pl.col("role_code").replace_strict(rates["grade_of_role"], return_dtype=pl.Int64)
            .alias("data_grade"),
            pl.when(~allowed).then(0).when(action == "export").then(wide * 8)
            .when(action == "query").then(wide).otherwise(1).alias("row_count"),
            allowed.alias("is_allowed"),
            minutes_later(acts["signed_in_at"], random.uniform(0.5, 55, size))
            .alias("occurred_at"),
            pl.lit(value=False).alias("is_night"),
        )  # fmt: skip

    def _night_export(
        self, scene: Scene, acts: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """One export of thousands of rows in the small hours."""
        night = scene.month.days[int(random.integers(3, 25))]
        return acts.sample(1, seed=int(random.integers(1 << 30))).with_columns(
            pl.lit("export").alias("action_code"),
            pl.lit("ehr_archive").alias("object_name"),
            pl.lit(4, pl.Int64).alias("data_grade"),
            pl.lit(self._rates["night_export_rows"], pl.Int64).alias("row_count"),
            pl.lit(value=True).alias("is_allowed"),
            pl.lit(datetime.combine(night, time(2, 41, 9))).cast(pl.Datetime("us"))
            .alias("occurred_at"),
            pl.lit(value=True).alias("is_night"),
        )  # fmt: skip

    def _chained(self, acts: pl.DataFrame) -> pl.DataFrame:
        """Each row's digest covers the digest before and the row's own text."""
        numbered = acts.with_columns(
            pl.int_range(self._length + 1, self._length + 1 + pl.len()).alias("sequence_number")
        )
        texts = numbered.select(chained_text()).to_series()
        before: list[str] = []
        digest: list[str] = []
        for text in texts:
            before.append(self._last)
            self._last = digest_of(self._last, text)
            digest.append(self._last)
        self._length += len(acts)
        return numbered.with_columns(
            pl.Series("previous_digest", before), pl.Series("digest", digest)
        )


def chained_text() -> pl.Expr:
    """What a digest covers of its own row."""
    return pl.concat_str(_CHAINED, separator="|")


def digest_of(previous: str, text: str) -> str:
    """SHA-256 of the digest before and the row's text."""
    return sha256(f"{previous}|{text}".encode()).hexdigest()


def keys_used(scene: Scene, rates: dict[str, Any], random: np.random.Generator) -> Export:
    """Use of every key by the day, changes of keys, and which key is near its end."""
    rows: list[tuple[object, ...]] = []
    for key in rates["keys"]:
        for day in scene.month.days:
            count = int(random.poisson(key["daily"]))
            failed = int(random.binomial(count, rates["key_failures"]))
            ends, changed = _validity(key["runs_out"], day)
            shared = (key["id"], key["algorithm"], key["purpose"])
            if changed:
                noon = datetime.combine(day, time(12, 30))
                rows.append((*shared, "rotated", noon, None, None, ends, "UADMIN01"))
            if key.get("weekday", day.weekday()) == day.weekday():
                evening = datetime.combine(day, time(23, 55))
                rows.append((*shared, "used", evening, count, failed, ends, None))
    names = (
        "key_id", "algorithm_code", "purpose_name", "event_code", "occurred_at", "use_count",
        "failed_count", "valid_to_date", "operator_user_id",
    )  # fmt: skip
    events = pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)
    events = events.sort("occurred_at", "key_id").with_columns(
        serial("MY", scene.month, len(events)).alias("key_event_id"),
        pl.lit(CONSORTIUM).alias("organization_id"),
    )
    soon = timedelta(days=rates["key_warning_days"])
    near = pl.col("valid_to_date") - pl.col("occurred_at").dt.date() <= soon
    first = near & (near.cum_sum().over("key_id") == 1)
    return Export(KEYS, events, planted_rows("key_near_expiry", events, "key_event_id", first))


def _validity(runs_out: date, day: date) -> tuple[date, bool]:
    """When the key in use on a day runs out, and whether it was changed on that day."""
    changed = runs_out.replace(day=5)
    ends = runs_out if day < changed else runs_out.replace(year=runs_out.year + 1)
    return ends, day == changed
