"""Posts, contracts, changes, pay and attendance of the consortium's staff.

Belongs here: what the HRP of the lead hospital and the consortium's platform of human resources
hold. Not here: practice licences (`licences/`), training (`office/`), the amounts of
pay (`members.py`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.administration.human_resources.attendance import attendance
from county.domains.draws import chance, drawn, lot, serial
from county.domains.members import by_system, members, pay, personal, workforce
from county.scene import Export, Planted, Scene

POSTS = ("county_hospital__hrp__posts", "consortium__hr__posts")
PAY = ("county_hospital__hrp__pay", "consortium__hr__pay")
ATTENDANCE = ("county_hospital__hrp__attendance", "consortium__hr__attendance")
CONTRACTS = "consortium__hr__contracts"
CHANGES = "consortium__hr__changes"
_POST_NAMES = {"11": "医师岗", "21": "护士岗", "60": "乡村医生岗"}
_ROTATED, _PROMOTED, _SENT_DOWN, _RETURNED, _LEFT = ("2", "3", "4", "5", "6")
_CHANGE = (
    "change_id", "organization_id", "staff_id", "change_kind_code", "decided_date",
    "effective_date", "planned_end_date", "from_department_name", "to_department_name",
    "to_organization_id",
)  # fmt: skip


class Domain:
    """Keeps every appointment and contract in force, and who is sent down to which centre."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._seed = seed
        self._rates = rates
        self._posts = pl.DataFrame()
        self._contracts = pl.DataFrame()
        self._sent = pl.DataFrame(
            schema={"staff_id": pl.String, "to_organization_id": pl.String, "is_idle": pl.Boolean}
        )

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("human_resources")
        staff = workforce(scene)
        if scene.month.index == 0:
            self._posts = self._appointed(scene, staff)
            self._contracts = self._first_contracts(scene)
            posts, contracts = self._posts, self._contracts
            moves = self._left_before(scene)
        else:
            moves, posts = self._moved(scene, random)
            contracts = self._renewed(scene, random)
        yield from by_system(POSTS, posts, "post_id")
        yield Export(CONTRACTS, contracts.drop("person"))
        sent = self._sent_down(scene, staff, random)
        changes = pl.concat([moves, sent]).with_columns(
            serial("BD", scene.month, len(moves) + len(sent)).alias("change_id")
        )
        idle = changes.filter(pl.col("change_kind_code") == _SENT_DOWN).head(1)
        planted = [Planted("sent_down_absent", key) for key in idle["change_id"]]
        yield Export(CHANGES, changes.select(_CHANGE), planted)
        yield from by_system(PAY, self._pay(scene), "pay_id")
        presence = attendance(scene, staff, self._sent, self._rates, random)
        yield from by_system(ATTENDANCE, presence, "attendance_id")

    def _appointed(self, scene: Scene, staff: pl.DataFrame) -> pl.DataFrame:
        """Everyone's appointment in force when the period begins."""
        seed, rates, category = self._seed, self._rates, pl.col("category")
        title = pl.coalesce(
            pl.col("title"),
            *(
                pl.when(category == kind).then(personal(staff, "title", seed, shares))
                for kind, shares in rates["titles"].items()
            ),
            pl.lit("9"),
        )
        education = pl.coalesce(
            pl.when(pl.col("level") == level).then(personal(staff, "education", seed, shares))
            for level, shares in rates["education"].items()
        )
        manages = pl.Series(lot(staff, "manages", seed) < rates["managers"])
        kind = category.replace_strict(_POST_NAMES, default="技术岗", return_dtype=pl.String)
        year = 2023 + (pl.Series(lot(staff, "appointed", seed)) * 3).cast(pl.Int32)
        employment = personal(staff, "employment", seed, rates["employment"])
        return self._until(
            staff.with_columns(
                pl.date(pl.lit(year), 7, 1).alias("appointed_date"),
                title.alias("title_level_code"),
                education.alias("education_code"),
                pl.when(category == "60").then(pl.lit("5")).otherwise(pl.lit(employment))
                .alias("employment_kind_code"),
                pl.when(manages).then(pl.lit("2")).otherwise(pl.lit("1"))
                .alias("post_category_code"),
                (pl.col("department_name") + pl.when(manages).then(pl.lit("管理岗"))
                 .otherwise(kind)).alias("post_name"),
                pl.col("staff_id").alias("local_id"),
                pl.col("department_name").shift(1).over("organization_id")
                .fill_null(pl.col("department_name")).alias("other_department"),
            )
        )  # fmt: skip

    def _until(self, posts: pl.DataFrame) -> pl.DataFrame:
        """Number, grade and end of appointments that begin on `appointed_date`."""
        term = f"{self._rates['term_years']}y"
        return posts.with_columns(
            ("GW" + pl.col("staff_id") + pl.col("appointed_date").dt.strftime("%Y%m")).alias(
                "post_id"
            ),
            pl.col("title_level_code")
            .replace_strict(self._rates["grades"], return_dtype=pl.Int64)
            .alias("post_grade"),
            (pl.col("appointed_date").dt.offset_by(term) - timedelta(days=1)).alias(
                "appointed_to_date"
            ),
        )

    def _moved(
        self, scene: Scene, random: np.random.Generator
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Changes of department and title, and the month's new appointments, renewals too."""
        rates, month, posts = self._rates, scene.month, self._posts
        can_move = (posts["other_department"] != posts["department_name"]).to_numpy()
        rotated = drawn(random, posts, can_move * rates["rotated"], least=1)
        promoted = drawn(random, posts, rates["promoted"], least=1)
        can_rise = ~pl.col("staff_id").is_in(rotated["staff_id"].to_list())
        promoted = promoted.filter(can_rise & pl.col("title_level_code").is_in(["2", "3", "4"]))
        new_rotated = rotated.with_columns(
            pl.col("other_department").alias("department_name"),
            (pl.col("other_department")
             + pl.col("category").replace_strict(_POST_NAMES, default="技术岗"))
            .alias("post_name"),
        )  # fmt: skip
        new_promoted = promoted.with_columns(
            (pl.col("title_level_code").cast(pl.Int64) - 1).cast(pl.String)
            .alias("title_level_code")
        )  # fmt: skip
        moved = pl.concat([new_rotated, new_promoted]).with_columns(
            pl.lit(month.first).alias("appointed_date")
        )
        kept = posts.join(moved, on="staff_id", how="anti", maintain_order="left")
        over = pl.col("appointed_to_date") < month.last
        again = kept.filter(over).with_columns(
            (pl.col("appointed_to_date") + timedelta(days=1)).alias("appointed_date")
        )
        new = self._until(pl.concat([moved, again]))
        self._posts = pl.concat([kept.filter(~over), new])
        changes = [
            _changes(old, kind, month.first, to_department=later["department_name"])
            for old, later, kind in (
                (rotated, new_rotated, _ROTATED), (promoted, new_promoted, _PROMOTED),
            )
        ]  # fmt: skip
        return pl.concat(changes), new

    def _first_contracts(self, scene: Scene) -> pl.DataFrame:
        """Everyone's contract in force when the period begins, one in 36 of each month."""
        months = (pl.Series(lot(self._posts, "contract", self._seed)) * 36).cast(pl.Int64)
        start = pl.lit(scene.month.first).dt.offset_by(
            pl.format("-{}mo", pl.lit(pl.Series(months)))
        )
        start = pl.max_horizontal(start, "employed")
        first = self._posts.with_columns(
            start.alias("valid_from_date"), pl.lit(False).alias("is_renewal")
        )
        return self._signed(first.with_columns(start.alias("signed_date")))

    def _renewed(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """Contracts renewed because theirs ends this month; the others run out."""
        ending = self._contracts.filter(
            pl.col("valid_to_date").is_between(scene.month.first, scene.month.last)
        )
        ending = ending.filter(chance(random, self._rates["renewed"], len(ending)))
        again = self._signed(
            ending.with_columns(
                pl.max_horizontal(
                    pl.lit(scene.month.first), pl.col("valid_to_date") - timedelta(days=6)
                ).alias("signed_date"),
                (pl.col("valid_to_date") + timedelta(days=1)).alias("valid_from_date"),
                pl.lit(True).alias("is_renewal"),
            )
        )
        self._contracts = pl.concat([self._contracts, again])
        return again

    def _signed(self, contracts: pl.DataFrame) -> pl.DataFrame:
        term = f"{self._rates['term_years']}y"
        return contracts.with_columns(
            ("HT" + pl.col("staff_id") + pl.col("valid_from_date").dt.strftime("%Y%m")).alias(
                "contract_id"
            ),
            (pl.col("valid_from_date").dt.offset_by(term) - timedelta(days=1)).alias(
                "valid_to_date"
            ),
        )

    def _left_before(self, scene: Scene) -> pl.DataFrame:
        """Those who had left before the period began."""
        codes = members(scene)["organization_id"].to_list()
        gone = scene.staff.filter(
            pl.col("organization_id").is_in(codes) & (pl.col("left") < scene.month.first)
        )
        return _changes(gone, _LEFT, scene.month.first).with_columns(
            gone["left"].alias("effective_date"),
            (gone["left"] - timedelta(days=15)).alias("decided_date"),
        )

    def _sent_down(
        self, scene: Scene, staff: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """Who is sent down to which centre when a term begins, and who comes back. The first of a
        term never goes."""
        rates, month = self._rates, scene.month
        if month.index % rates["sent_down_months"]:
            return _changes(staff.head(0), _SENT_DOWN, month.first)
        back = staff.join(self._sent, on="staff_id", maintain_order="left")
        able = staff.filter(
            (pl.col("level") == "hospital") & pl.col("category").is_in(["11", "21"])
        )
        towns = members(scene).filter(pl.col("level") == "township")["organization_id"].to_list()
        size = min(len(able) // 2, max(len(towns), round(len(able) * rates["sent_down"])))
        chosen = able[np.sort(random.choice(len(able), size, replace=False))]
        until = _months_later(month.first, rates["sent_down_months"]) - timedelta(days=1)
        chosen = chosen.with_columns(
            pl.Series("to_organization_id", [towns[n % len(towns)] for n in range(size)]),
            (pl.int_range(size) == 0).alias("is_idle"),
        )
        self._sent = chosen.select("staff_id", "to_organization_id", "is_idle")
        return pl.concat(
            [
                _changes(back, _RETURNED, month.first),
                _changes(chosen, _SENT_DOWN, month.first).with_columns(
                    chosen["to_organization_id"], pl.lit(until).alias("planned_end_date")
                ),
            ]
        )

    def _pay(self, scene: Scene) -> pl.DataFrame:
        return pay(scene).with_columns(
            ("GZ" + pl.col("staff_id") + scene.month.compact).alias("pay_id"),
            pl.lit(scene.month.first).alias("pay_month"),
            pl.lit(scene.month.first + timedelta(days=24)).alias("paid_date"),
        )


def _changes(
    staff: pl.DataFrame, kind: str, effective: date, to_department: pl.Series | None = None
) -> pl.DataFrame:
    none = pl.lit(None, pl.String)
    return staff.select(
        "organization_id",
        "staff_id",
        pl.lit(kind).alias("change_kind_code"),
        pl.lit(effective - timedelta(days=9)).alias("decided_date"),
        pl.lit(effective).alias("effective_date"),
        pl.lit(None, pl.Date).alias("planned_end_date"),
        pl.col("department_name").alias("from_department_name"),
        (none if to_department is None else pl.lit(to_department)).alias("to_department_name"),
        none.alias("to_organization_id"),
    )


def _months_later(first: date, count: int) -> date:
    ordinal = first.year * 12 + first.month - 1 + count
    return date(ordinal // 12, ordinal % 12 + 1, 1)
