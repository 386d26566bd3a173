"""What the county hospital's sharing centres have in common: who works there, amended reports,
critical findings, rosters.

Belongs here: parts that at least two centres use. Not here: what a centre examines.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, codes, doctors, drawn, hours_later, serial
from county.domains.outbreak import planted_rows
from county.domains.picks import in_service
from county.roles import COUNTY_HOSPITAL
from county.scene import Planted, Scene

CENTRE = COUNTY_HOSPITAL
SERVICES = ("laboratory", "imaging", "ecg", "pathology")
_FEWEST, _MOST = 3, 12
_DEPARTMENTS = {
    "laboratory": "检验科", "imaging": "医学影像科", "ecg": "心电图室", "pathology": "病理科",
}  # fmt: skip
_HOURS = {"day": (8, 10), "night": (18, 14), "standby": (8, 24)}
_HANDLING = ["已复查并对症处理", "已通知患者来院处置", "已转上级医院进一步诊治"]
_AFTERWARDS = {
    "clerical": "（更正文字笔误，诊断不变）",
    "clinical": "补充临床资料后，建议结合病史随访。",
    "addendum": "补充意见：请与既往检查对照。",
    "review": "经上级医师审核，建议短期复查。",
    "other": "（格式调整）",
}


def crew(scene: Scene, service: str) -> list[str]:
    """Staff numbers of the diagnosticians of a service: every fourth doctor of the hospital, or
    all doctors where that leaves too few."""
    here = in_service(scene, ["11"]).filter(pl.col("organization_id") == CENTRE)
    known = here["staff_id"].sort().to_list()
    turn = SERVICES.index(service)
    own = [staff for staff in known if int(staff[3:]) % len(SERVICES) == turn]
    return (own if len(own) >= _FEWEST else known)[:_MOST]


def pair(
    random: np.random.Generator, members: Sequence[str], size: int
) -> tuple[pl.Series, pl.Series]:
    """Two different members for each row: who reports and who reviews."""
    first = random.integers(0, len(members), size)
    second = (first + random.integers(1, len(members), size)) % len(members)
    names = pl.Series(members, dtype=pl.String)
    return names.gather(pl.Series(first)), names.gather(pl.Series(second))


def amendments(
    random: np.random.Generator, scene: Scene, service: str, reports: pl.DataFrame,
    rates: dict[str, Any],
) -> pl.DataFrame:  # fmt: skip
    """One row per report that was changed after it was issued.

    Args:
        reports: `report_id`, `reported_at`, `conclusion`.
        rates: `amended`, share of reports, and `reasons`.
    """
    changed = drawn(random, reports, rates["amended"], least=1)
    size = len(changed)
    reasons = codes(random, rates["reasons"], size)
    writer, reviewer = pair(random, crew(scene, service), size)
    return changed.select(
        (pl.col("report_id") + "-V2").alias("version_id"),
        "report_id",
        pl.lit(service).alias("service_code"),
        pl.lit(2).alias("version_number"),
        pl.col("reported_at").alias("issued_at"),
        hours_later(random, changed["reported_at"], 0.5, 36).alias("changed_at"),
        reasons.alias("change_reason_code"),
        pl.col("conclusion").alias("conclusion_before"),
        (pl.col("conclusion") + reasons.replace_strict(_AFTERWARDS)).alias("conclusion_after"),
        writer.alias("changed_staff_id"),
        reviewer.alias("reviewer_staff_id"),
    )


def critical_values(
    random: np.random.Generator, scene: Scene, service: str, found: pl.DataFrame,
    rates: dict[str, Any],
) -> tuple[pl.DataFrame, list[Planted]]:  # fmt: skip
    """How critical findings were passed on; some were never acknowledged, which is planted.

    Args:
        found: `person`, `encounter_id`, `requesting_organization_id`, `report_id`, `item_code`,
            `item_name`, `value_text`, `found_at`.
        rates: `slow`, share told after the limit; `unacknowledged`, share without an answer.
    """
    size = len(found)
    slow = chance(random, rates["slow"], size).to_numpy()
    told = np.where(slow, random.uniform(11, 45, size), random.uniform(1, 9, size))
    answered = told + random.uniform(0.5, 5, size)
    handled = answered + random.uniform(5, 40, size)
    unanswered = chance(random, rates["unacknowledged"], size)
    if size > 1 and not unanswered.any():
        unanswered[size - 1] = True

    def minutes_on(minutes: np.ndarray) -> pl.Expr:
        seconds = pl.Series(np.round(minutes * 60).astype(np.int64))
        return pl.col("found_at") + pl.duration(seconds=pl.lit(seconds))

    known = pl.lit(~unanswered)
    reporter, _ = pair(random, crew(scene, service), size)
    receiver = doctors(random, scene, found["requesting_organization_id"])
    rows = found.with_columns(
        serial(f"WJ{SERVICES.index(service) + 1}", scene.month, size).alias("critical_value_id"),
        pl.lit(CENTRE).alias("organization_id"),
        pl.lit(service).alias("service_code"),
        minutes_on(told).alias("notified_at"),
        pl.when(known).then(minutes_on(answered)).alias("acknowledged_at"),
        pl.when(known).then(minutes_on(handled)).alias("handled_at"),
        reporter.alias("reporter_staff_id"),
        pl.when(known).then(receiver).alias("receiver_staff_id"),
        pl.when(known)
        .then(pl.lit(pl.Series(_HANDLING)).gather(pl.int_range(pl.len()) % len(_HANDLING)))
        .alias("handling"),
    )
    planted = planted_rows(
        "critical_value_unacknowledged", rows, "critical_value_id",
        pl.col("acknowledged_at").is_null(),
    )  # fmt: skip
    return rows, planted


def roster(scene: Scene, service: str, shifts: Sequence[str]) -> pl.DataFrame:
    """One row per shift of a day; members take turns."""
    members = crew(scene, service)
    days = pl.DataFrame({"shift_date": scene.month.days})
    rows = days.join(pl.DataFrame({"shift_code": list(shifts)}), how="cross")
    size = len(rows)
    turn = (np.arange(size) + scene.month.index) % len(members)
    start = pl.col("shift_date").cast(pl.Datetime("us")) + pl.duration(hours="_opens")
    return rows.with_columns(
        serial(f"PB{SERVICES.index(service) + 1}", scene.month, size).alias("roster_id"),
        pl.Series(members, dtype=pl.String).gather(pl.Series(turn)).alias("staff_id"),
        pl.lit(service).alias("service_code"),
        pl.lit(_DEPARTMENTS[service]).alias("department_name"),
        *(
            pl.col("shift_code")
            .replace_strict({code: hours[place] for code, hours in _HOURS.items()})
            .alias(name)
            for place, name in enumerate(("_opens", "_lasts"))
        ),
    ).with_columns(
        start.alias("started_at"), (start + pl.duration(hours="_lasts")).alias("ended_at")
    )


def some_minutes_later(
    random: np.random.Generator, start: pl.Series, least: float, most: float
) -> pl.Series:
    """Datetimes some minutes after others, to the second."""
    return hours_later(random, start, least / 60, most / 60)


def township_visits(scene: Scene, *, first_age: int = 0) -> pl.DataFrame:
    """Visits of township centres, which ask the county's centres, with `sex`, `age` and
    `diabetes` of the patient."""
    centres = scene.organizations.filter(pl.col("level") == "township")["organization_id"]
    who = scene.people.select("person", "sex", "age", "diabetes")
    return (
        scene.visits.filter(pl.col("organization_id").is_in(centres.to_list()))
        .join(who, on="person", maintain_order="left")
        .filter(pl.col("age") >= first_age)
    )


def wait_of(priority: pl.Series, routine: pl.Series, urgent: pl.Series) -> pl.Series:
    """The routine moment, or the urgent one of requests marked `S`."""
    frame = pl.DataFrame({"priority": priority, "routine": routine, "urgent": urgent})
    return frame.select(
        pl.when(pl.col("priority") == "S").then("urgent").otherwise("routine")
    ).to_series()
