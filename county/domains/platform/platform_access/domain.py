"""Who may use the platform, who signs in, and what they do there.

Belongs here: accounts, roles, sign-ins. Not here: the audit log and the keys (`audit_log.py`), what
machines log (`platform_exchange/`). No row holds anything about a patient.
"""

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, codes, hours_later, minutes_later, moments, serial
from county.domains.outbreak import planted_rows
from county.domains.picks import in_service, picked
from county.domains.platform.platform_access.audit_log import AuditLog, keys_used
from county.roles import CONSORTIUM
from county.scene import Export, Planted, Scene

USERS = "consortium__identity_provider__users"
GRANTS = "consortium__identity_provider__role_grants"
SIGN_INS = "consortium__identity_provider__sign_ins"
_ADMINISTRATOR = "UADMIN01"


class Domain:
    """Feeds of the identity provider, the audit log and the keys; the chain of digests goes on."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._audit = AuditLog(rates)
        self._users = pl.DataFrame()

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("platform_access")
        users, grants = self._accounts(scene, random)
        yield Export(USERS, users)
        unapproved = pl.col("approver_user_id").is_null() & pl.col("revoked_date").is_null()
        yield Export(
            GRANTS, grants, planted_rows("privilege_anomaly", grants, "grant_id", unapproved)
        )
        signed = self._sign_ins(scene, random)
        yield signed
        yield from self._audit.month(scene, signed.rows, random)
        yield keys_used(scene, self._rates, random)

    def _accounts(
        self, scene: Scene, random: np.random.Generator
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """All accounts in the first month, also closed ones, later those that are new or closed;
        and the roles of the open ones among them."""
        month = scene.month
        staff = scene.staff
        role = pl.col("category").replace_strict(
            self._rates["role_of_category"], default=self._rates["roles_otherwise"],
            return_dtype=pl.String,
        )  # fmt: skip
        people = staff.select(
            (pl.lit("U") + pl.col("staff_id")).alias("user_id"),
            "organization_id", "staff_id", role.alias("role_code"),
            pl.lit("staff").alias("kind_code"),
            pl.max_horizontal("employed", pl.lit(date(2024, 5, 6))).alias("opened_date"),
            pl.col("left").alias("closed_date"),
        )  # fmt: skip
        everybody = pl.concat([people, self._own()], how="diagonal")
        known = self._users
        leaves = pl.col("closed_date") > month.last
        everybody = everybody.with_columns(
            pl.when(~leaves).then("closed_date").alias("closed_date")
        )
        told = everybody
        if month.index:
            new = everybody.join(known, on="user_id", how="anti", maintain_order="left")
            closed = everybody.filter(pl.col("closed_date") >= month.first)
            told = pl.concat([new, closed]).unique("user_id", keep="last", maintain_order=True)
        self._users = everybody
        size = len(told)
        age = pl.duration(days=pl.lit(pl.Series(random.integers(10, 170, size))))
        users = told.with_columns(
            pl.when(pl.col("closed_date").is_null()).then(pl.lit("active"))
            .otherwise(pl.lit("closed")).alias("status_code"),
            chance(random, self._rates["second_factor"], size).alias("has_second_factor"),
            pl.max_horizontal(
                "opened_date", pl.coalesce("closed_date", pl.lit(month.first)) - age
            )
            .cast(pl.Date).alias("password_changed_date"),
        )  # fmt: skip
        fresh = told.filter(pl.col("closed_date").is_null())
        return users, self._grants(scene, fresh, random)

    def _own(self) -> pl.DataFrame:
        """Accounts of administrators and auditors, who belong to nobody's ward."""
        rows = [
            (f"U{role[:5].upper()}{number:02d}", role)
            for role, count in self._rates["own_accounts"].items()
            for number in range(1, count + 1)
        ]
        return pl.DataFrame(rows, schema=["user_id", "role_code"], orient="row").with_columns(
            pl.lit(CONSORTIUM).alias("organization_id"),
            pl.lit(None, pl.String).alias("staff_id"),
            pl.lit("system").alias("kind_code"),
            pl.lit(date(2024, 5, 6)).alias("opened_date"),
            pl.lit(None, pl.Date).alias("closed_date"),
        )

    def _grants(
        self, scene: Scene, users: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        rates, month = self._rates, scene.month
        second = users.filter(
            (pl.col("kind_code") == "staff") & chance(random, rates["second_role"], len(users))
        ).with_columns(pl.lit("manager").alias("role_code"))
        grants = pl.concat([users, second])
        size = len(grants)
        unapproved = chance(random, rates["unapproved_grant"], size)
        if size and month.index == 0:
            unapproved[size - 1] = True
        old = pl.col("opened_date") < date(2025, 1, 1)
        return grants.with_columns(
            serial("SQ", month, size).alias("grant_id"),
            pl.col("role_code").replace_strict(rates["grade_of_role"], return_dtype=pl.Int64)
            .alias("highest_data_grade"),
            pl.col("opened_date").alias("granted_date"),
            pl.when(~unapproved).then(pl.lit(_ADMINISTRATOR)).alias("approver_user_id"),
            pl.when(old & ~chance(random, rates["unreviewed"], size))
            .then(pl.lit(date(2025, 12, 18))).alias("reviewed_date"),
            pl.lit(None, pl.Date).alias("revoked_date"),
        )  # fmt: skip

    def _sign_ins(self, scene: Scene, random: np.random.Generator) -> Export:
        """A sign-in for every day a doctor saw somebody, and some of nurses; at night somebody
        tries one account until it is locked, and one who has left still tries."""
        rates = self._rates
        worked = (
            scene.visits.group_by("staff_id", "organization_id", pl.col("start").dt.date())
            .agg(pl.col("start").min().alias("first_at"))
            .sort("first_at", "staff_id")
            .select("staff_id", "organization_id", "first_at")
        )
        nurses = in_service(scene, ["21"])
        shifts = picked(random, worked, round(len(worked) * rates["nurse_days"]))
        nurse = picked(random, nurses, len(shifts))
        shifts = shifts.with_columns(nurse["staff_id"], nurse["organization_id"])
        days = pl.concat([worked, shifts]).unique(
            ["staff_id", "first_at"], keep="first", maintain_order=True
        )
        size = len(days)
        rows = days.select(
            (pl.lit("U") + pl.col("staff_id")).alias("user_id"),
            "organization_id",
            hours_later(random, days["first_at"], -0.4, -0.02).alias("signed_in_at"),
            codes(random, rates["results"], size).alias("result_code"),
        )
        rows = pl.concat([rows, self._burst(scene, random), self._departed(scene, random)])
        role = scene.staff.select(
            (pl.lit("U") + pl.col("staff_id")).alias("user_id"),
            pl.col("category").replace_strict(
                rates["role_of_category"], default=rates["roles_otherwise"],
                return_dtype=pl.String,
            ).alias("role_code"),
        )  # fmt: skip
        rows = rows.join(role, on="user_id", how="left", maintain_order="left").sort(
            "signed_in_at", "user_id"
        )
        size = len(rows)
        success = pl.col("result_code") == "success"
        host = pl.Series(random.integers(2, 250, size)).cast(pl.String)
        net = pl.col("organization_id").rank("dense").cast(pl.Int64).cast(pl.String)
        rows = rows.with_columns(
            serial("DL", scene.month, size).alias("sign_in_id"),
            pl.when(success).then(hours_later(random, rows["signed_in_at"], 1, 9))
            .alias("signed_out_at"),
            pl.col("role_code").replace_strict(rates["portal_of_role"], return_dtype=pl.String)
            .alias("portal_code"),
            codes(random, rates["devices"], size).alias("device_code"),
            codes(random, rates["methods"], size).alias("method_code"),
            (pl.lit("10.66.") + net + pl.lit(".") + host).alias("network_address"),
        )  # fmt: skip
        last = (pl.col("result_code") == "locked") & (pl.col("signed_in_at").dt.hour() == 3)
        planted: list[Planted] = [
            *planted_rows("sign_in_burst", rows, "sign_in_id", last),
            *planted_rows(
                "sign_in_after_leaving", rows, "sign_in_id", pl.col("result_code") == "closed"
            ),
        ]
        return Export(SIGN_INS, rows, planted)

    def _burst(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        target = picked(random, in_service(scene, ["11"]), 1)
        count = self._rates["burst"] + 1
        night = scene.month.days[int(random.integers(4, 24))]
        start = pl.Series([datetime.combine(night, time(3, 5))] * count)
        return pl.DataFrame({
            "user_id": ["U" + str(target["staff_id"][0])] * count,
            "organization_id": [target["organization_id"][0]] * count,
            "signed_in_at": minutes_later(start, np.arange(count) * 0.7),
            "result_code": ["wrong_secret"] * (count - 1) + ["locked"],
        })  # fmt: skip

    def _departed(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        gone = scene.staff.filter(pl.col("left") <= scene.month.first).sort("staff_id")
        left = gone.slice(scene.month.index % max(1, len(gone)), 1)
        day = pl.Series([scene.month.days[int(random.integers(2, 26))]] * len(left), dtype=pl.Date)
        tried = moments(random, day, opens=9, closes=22)
        return left.select(
            (pl.lit("U") + pl.col("staff_id")).alias("user_id"), "organization_id",
            tried.alias("signed_in_at"), pl.lit("closed").alias("result_code"),
        )  # fmt: skip
