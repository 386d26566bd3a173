"""On which day each child gets which dose of the national schedule.

Belongs here: due days, delays and refusals, the same for a child in every month. Not here: lots
(`vaccine_supply.py`) or who records a dose (`domain.py`).
"""

from datetime import date
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import Numbers, lot
from county.domains.public_health.mother_child import plus_days
from county.scene import Scene

_ALWAYS = (date(1900, 1, 1), date(2999, 12, 31))
_OLDEST_MONTHS = 186


class Schedule:
    """Plans all doses of everyone under the schedule; nothing is kept between months."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._seed, self._rates = seed, rates
        self._series: dict[str, dict[int, list[dict[str, Any]]]] = {}
        for entry in rates["schedule"]:
            doses = self._series.setdefault(entry["series"], {})
            doses.setdefault(entry["dose"], []).append(entry)

    def given(self, scene: Scene) -> pl.DataFrame:
        """Doses of all months up to this one's end: `person`, `birth`, `township`, `vaccine_code`,
        `dose_number`, `vaccinated_date`, `is_at_birth`."""
        oldest = pl.lit(scene.month.first).dt.offset_by(f"-{_OLDEST_MONTHS}mo")
        children = scene.people.filter(pl.col("birth") > oldest)
        children = children.filter(
            pl.Series(lot(children, "refused", self._seed) >= self._rates["refused"])
        ).select("person", "sex", "birth", "township")
        defect = lot(children, "immune defect", self._seed) < self._rates["immune_defect"]
        parts = [
            part
            for name, doses in self._series.items()
            for part in self._of_series(children, defect, name, doses)
        ]
        together = pl.concat(parts)
        return together.filter(pl.col("vaccinated_date") <= scene.month.last)

    def _of_series(
        self, children: pl.DataFrame, defect: Numbers, name: str,
        doses: dict[int, list[dict[str, Any]]],
    ) -> list[pl.DataFrame]:  # fmt: skip
        """Doses of one series in their order; who misses one gets no later ones."""
        rates, found = self._rates, []
        keeps = np.ones(len(children), dtype=bool)
        if name == "HPV":
            keeps = lot(children, "HPV taken", self._seed) < rates["hpv_taken"]
        frame = children.with_columns(pl.lit(None, pl.Date).alias("before"))
        for number in sorted(doses):
            entries = doses[number]
            keeps &= lot(children, f"{name}/{number}/kept", self._seed) >= rates["dropped"]
            late = self._delay(children, f"{name}/{number}", entries[0])
            gap = entries[0].get("gap_days", rates["gap_days"])
            due, vaccine = self._due(entries)
            day = pl.max_horizontal(plus_days(due, late), pl.col("before") + pl.duration(days=gap))
            frame = frame.with_columns(day.alias("before"), vaccine.alias("vaccine_code"))
            live = frame["vaccine_code"].replace_strict(
                {code: one["live"] for code, one in rates["vaccines"].items()},
                default=False, return_dtype=pl.Boolean,
            )  # fmt: skip
            right = pl.Series(keeps) & pl.col("vaccine_code").is_not_null()
            right &= ~(pl.Series(defect) & live)
            if "sex" in entries[0]:
                right &= pl.col("sex") == entries[0]["sex"]
            found.append(
                frame.filter(right).select(
                    "person", "birth", "township", "vaccine_code",
                    pl.lit(number, pl.Int64).alias("dose_number"),
                    pl.col("before").alias("vaccinated_date"),
                    pl.lit(entries[0]["months"] == 0).alias("is_at_birth"),
                )
            )  # fmt: skip
        return found

    @staticmethod
    def _due(entries: list[dict[str, Any]]) -> tuple[pl.Expr, pl.Expr]:
        """Due day and vaccine under the first entry that is in force when it falls due."""
        due, vaccine = pl.lit(None, pl.Date), pl.lit(None, pl.String)
        for entry in reversed(entries):
            age = pl.col("birth").dt.offset_by(f"{entry['months']}mo")
            first = entry.get("valid_from", _ALWAYS[0])
            day = pl.max_horizontal(age, pl.lit(first))
            holds = day <= entry.get("valid_to", _ALWAYS[1])
            if "born_after" in entry:
                holds &= pl.col("birth") > entry["born_after"]
            due = pl.when(holds).then(day).otherwise(due)
            vaccine = pl.when(holds).then(pl.lit(entry["vaccine"])).otherwise(vaccine)
        return due, vaccine

    def _delay(self, children: pl.DataFrame, salt: str, entry: dict[str, Any]) -> Numbers:
        """Days after the due day; none or one at birth."""
        draw = lot(children, f"{salt}/delay", self._seed)
        at_birth: Numbers = np.floor(draw * 2).astype(np.int64)
        if entry["months"] == 0:
            return at_birth
        bounds = np.array([0.0, *(share for share, _ in self._rates["delays"])])
        days = np.array([0.0, *(days for _, days in self._rates["delays"])])
        found: Numbers = np.floor(np.interp(draw, bounds, days)).astype(np.int64)
        return found
