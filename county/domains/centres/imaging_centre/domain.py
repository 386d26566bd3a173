"""The imaging centre: images of township centres, read and reported at the county hospital.

Belongs here: requests, reports and their versions, critical findings, ultrasound of a township.
Not here: scores, rosters and templates (`quality.py`), the hospital's own examinations.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from county.domains.centres.imaging_centre.quality import scores, templates
from county.domains.centres.parts import (
    CENTRE,
    amendments,
    crew,
    critical_values,
    pair,
    roster,
    some_minutes_later,
    township_visits,
    wait_of,
)
from county.domains.draws import chance, codes, doctors, drawn, serial
from county.domains.outbreak import planted_rows
from county.domains.waiting import Waiting
from county.roles import TOWNSHIP_B
from county.scene import Export, Scene

REQUESTS = "county_hospital__imaging_centre__requests"
REPORTS = "county_hospital__imaging_centre__reports"
VERSIONS = "county_hospital__imaging_centre__report_versions"
ALARMS = "county_hospital__imaging_centre__critical_values"
SCORES = "county_hospital__imaging_centre__quality_scores"
ROSTER = "county_hospital__imaging_centre__duty_roster"
TEMPLATES = "county_hospital__imaging_centre__report_templates"
OWN_REQUESTS = "township_b__pacs__requests"
OWN_REPORTS = "township_b__pacs__reports"
_REPORTING_CENTRE = TOWNSHIP_B
_NORMAL = {
    "胸部": "心肺膈未见明显异常。",
    "腰椎": "腰椎骨质未见明显异常。",
    "膝关节": "膝关节诸骨未见明显骨折征象。",
    "腹部": "肝胆胰脾双肾声像图未见明显异常。",
    "甲状腺": "甲状腺双侧叶声像图未见明显异常。",
}
_FOUND = {
    "胸部": ("右下肺斑片状密度增高影，考虑炎症。", "双肺纹理增多，主动脉硬化。",
             "左上肺结节影，建议CT进一步检查。"),
    "腰椎": ("腰椎退行性变。", "腰4/5椎间隙变窄，建议CT检查。", "腰1椎体压缩性改变。"),
    "膝关节": ("膝关节退行性骨关节病。", "髌骨骨折。", "关节间隙变窄，周围软组织肿胀。"),
    "腹部": ("脂肪肝声像。", "胆囊多发结石。", "右肾囊肿。"),
    "甲状腺": ("甲状腺右叶结节，TI-RADS 3类。", "甲状腺弥漫性病变。", "甲状腺左叶囊性结节。"),
}  # fmt: skip
_CRITICAL = {
    "胸部": ("张力性气胸", "右侧大量气胸，右肺压缩约80%，纵隔左移。"),
    "腰椎": ("脊柱不稳定骨折", "腰1椎体爆裂性骨折，椎管受累。"),
    "膝关节": ("关节脱位", "膝关节完全脱位，警惕血管损伤。"),
    "腹部": ("腹腔内出血", "脾包膜下血肿并腹腔积液，考虑脾破裂。"),
}


class Domain:
    """Feeds of the imaging centre and of one township's imaging system."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._waiting = Waiting()

    def month(self, scene: Scene) -> Iterator[Export]:
        rates, month = self._rates, scene.month
        random = scene.random("imaging_centre")
        visits = township_visits(scene, first_age=rates["first_age"])
        asked = self._asked(scene, visits, random)
        planted = planted_rows(
            "examination_without_report", asked, "request_id", pl.col("is_unreported")
        )
        yield Export(REQUESTS, asked, planted)
        reports = self._reports(asked, random)
        due = self._waiting.due("reports", reports, "reported_at", month)
        yield Export(REPORTS, due)
        changed = amendments(random, scene, "imaging", due, rates)
        yield Export(VERSIONS, self._waiting.due("versions", changed, "changed_at", month))
        found = due.filter(pl.col("critical_item").is_not_null()).select(
            "person", "encounter_id", "requesting_organization_id", "report_id",
            pl.lit(None, pl.String).alias("item_code"),
            pl.col("critical_item").alias("item_name"), pl.col("conclusion").alias("value_text"),
            pl.col("reported_at").alias("found_at"),
        )  # fmt: skip
        yield Export(ALARMS, *critical_values(random, scene, "imaging", found, rates["critical"]))
        given = scores(random, scene, asked, rates["quality"])
        given = self._waiting.due("scores", given, "scored_at", month)
        careless = planted_rows("digit_preference", given, "score_id", pl.col("is_rounded"))
        yield Export(SCORES, given, careless)
        yield Export(ROSTER, roster(scene, "imaging", ("day", "night")))
        yield Export(TEMPLATES, templates(scene))
        own = self._own(scene, visits, random)
        before = (pl.col("examined_at") - pl.duration(minutes=8)).alias("requested_at")
        yield Export(OWN_REQUESTS, own.with_columns(before))
        yield Export(OWN_REPORTS, own)

    def _asked(
        self, scene: Scene, visits: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """One row per request, with its state when the month is over."""
        rates = self._rates
        chosen = drawn(random, visits, rates["centre_share"], least=rates["least"])
        size = len(chosen)
        requested = some_minutes_later(random, chosen["start"], 3, 20)
        examined = some_minutes_later(random, requested, 10, 60)
        assigned = some_minutes_later(random, examined, 1, 15)
        reader, _ = pair(random, crew(scene, "imaging"), size)
        cancelled = chance(random, rates["cancelled"], size)
        done = ~cancelled
        unreported = done & chance(random, rates["unreported"], size)
        if done.any() and not unreported.any():
            unreported[int(done.arg_true()[0])] = True
        state = (
            pl.when(cancelled).then(pl.lit("CA"))
            .when(unreported).then(pl.lit("IP"))
            .otherwise(pl.lit("CM"))
        )  # fmt: skip
        return _items(chosen, rates["items"], random).with_columns(
            serial("YXSQ", scene.month, size).alias("request_id"),
            serial("YXJC", scene.month, size).alias("accession_number"),
            pl.lit(CENTRE).alias("performing_organization_id"),
            codes(random, rates["priorities"], size).alias("priority_code"),
            requested.alias("requested_at"),
            pl.when(done).then(examined).alias("examined_at"),
            pl.when(done).then(assigned).alias("assigned_at"),
            pl.when(done).then(reader).alias("assigned_staff_id"),
            state.alias("status_code"),
            unreported.alias("is_unreported"),
        )

    def _reports(self, asked: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        rates = self._rates
        read = asked.filter(pl.col("status_code") == "CM")
        minutes = rates["report_minutes"]
        reported = wait_of(
            read["priority_code"],
            some_minutes_later(random, read["assigned_at"], *minutes["routine"]),
            some_minutes_later(random, read["assigned_at"], *minutes["urgent"]),
        )
        rows = read.with_columns(
            pl.col("request_id").str.replace("YXSQ", "YXBG").alias("report_id"),
            pl.col("organization_id").alias("requesting_organization_id"),
            pl.lit(CENTRE).alias("organization_id"),
            reported.alias("reported_at"),
            pl.col("assigned_staff_id").alias("staff_id"),
        )
        critical = drawn(
            random, rows, rates["critical"]["share"], least=rates["critical"]["least"]
        )["report_id"]
        return _concluded(rows, rates["positive"], random).with_columns(
            _critical(critical, 0, pl.lit(None, pl.String)).alias("critical_item"),
            _critical(critical, 1, pl.col("conclusion")).alias("conclusion"),
            (pl.col("is_positive") | pl.col("report_id").is_in(critical.implode())).alias(
                "is_positive"
            ),
        )

    def _own(self, scene: Scene, visits: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        """Ultrasound reports of the township centre itself."""
        rates = self._rates
        here = visits.filter(pl.col("organization_id") == _REPORTING_CENTRE)
        chosen = drawn(random, here, rates["own_share"], least=rates["least_own"])
        size = len(chosen)
        examined = some_minutes_later(random, chosen["start"], 10, 60)
        rows = _items(chosen, rates["own_items"], random).with_columns(
            serial("TBJC", scene.month, size).alias("request_id"),
            serial("TBUS", scene.month, size).alias("report_id"),
            examined.alias("examined_at"),
            some_minutes_later(random, examined, 3, 25).alias("reported_at"),
            doctors(random, scene, chosen["organization_id"]).alias("staff_id"),
        )
        return _concluded(rows, rates["positive"], random)


def _items(
    rows: pl.DataFrame, items: list[dict[str, Any]], random: np.random.Generator
) -> pl.DataFrame:
    table = pl.DataFrame(items)
    weights = table["weight"].to_numpy()
    which = random.choice(len(table), len(rows), p=weights / weights.sum())
    chosen = table.drop("weight").select(pl.all().gather(pl.Series(which)))
    return rows.drop("fee_fen").hstack(chosen)


def _concluded(rows: pl.DataFrame, positive: float, random: np.random.Generator) -> pl.DataFrame:
    """Reports with a conclusion for their body part and whether it names a finding."""
    size = len(rows)
    findings = pl.DataFrame(
        [(part, turn, text) for part, texts in _FOUND.items() for turn, text in enumerate(texts)],
        schema=["body_part", "turn", "finding"],
        orient="row",
    )
    turn = pl.Series("turn", random.integers(0, 3, size))
    found = chance(random, positive, size)
    return (
        rows.with_columns(turn, found.alias("is_positive"))
        .join(findings, on=["body_part", "turn"], maintain_order="left")
        .with_columns(
            pl.when("is_positive").then("finding").otherwise(_by_part(_NORMAL)).alias("conclusion")
        )
    )


def _by_part(texts: dict[str, str]) -> pl.Expr:
    return pl.col("body_part").replace_strict(texts, return_dtype=pl.String)


def _critical(reports: pl.Series, place: int, otherwise: pl.Expr) -> pl.Expr:
    """The name (0) or text (1) of the critical finding of these reports."""
    texts = {part: found[place] for part, found in _CRITICAL.items()}
    return pl.when(pl.col("report_id").is_in(reports.implode())).then(_by_part(texts)).otherwise(
        otherwise
    )  # fmt: skip
