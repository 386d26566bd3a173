"""Monthly and yearly returns of the two hospitals on their economy and their staff.

Belongs here: named figures as finance and personnel count them. Not here: the commission's own
statistics return (`administration/licences/`), the ledgers behind the figures.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.picks import discharged, in_service
from county.roles import COUNTY_HOSPITAL, TCM_HOSPITAL
from county.scene import Export, Planted, Scene

FEEDS = {
    COUNTY_HOSPITAL: "county_hospital__performance__returns",
    TCM_HOSPITAL: "tcm_hospital__performance__returns",
}
_ECONOMY = ("医绩经-1", "公立医院经济运行月报")
_STAFF = ("医绩人-1", "公立医院人力资源月报")
_PLACE, _BOASTED = "organization_id", "visit_count"
_COLUMNS = ("item_code", "item_name", "unit_name", "item_value")


class Domain:
    """One feed a hospital."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("hospital_returns")
        month = scene.month
        for hospital, feed in FEEDS.items():
            economy = self._economy(scene, hospital, random)
            staff = self._staff(scene, hospital)
            planted = []
            if hospital == self._rates["boaster"]:
                odd = pl.col("item_code") == _BOASTED
                raised = (pl.col("item_value") * self._rates["boast"]).round(0) + 1
                economy = economy.with_columns(
                    pl.when(odd).then(raised).otherwise("item_value").alias("item_value")
                )
                planted = [Planted("figure_above_records", _BOASTED)]
            parts = [_placed(economy, _ECONOMY, "month", month.first, month.last),
                     _placed(staff, _STAFF, "month", month.first, month.last)]  # fmt: skip
            if month.index == 0:
                value = pl.col("item_value") * self._rates["year_factor"]
                money = pl.col("unit_name") == "元"
                year = economy.with_columns(
                    pl.when(money).then(value.round(2)).otherwise(value.round(0))
                    .alias("item_value")
                )  # fmt: skip
                first = date(month.year - 1, 1, 1)
                name = (_ECONOMY[0], "公立医院经济运行年报")
                parts.append(_placed(year, name, "year", first, month.last))
            rows = pl.concat(parts).with_columns(pl.lit(hospital).alias(_PLACE))
            yield Export(feed, rows, planted)

    def _economy(self, scene: Scene, hospital: str, random: np.random.Generator) -> pl.DataFrame:
        """Income by kind adds up to the medical income; drugs are the records' own."""
        given = self._rates
        here = pl.col(_PLACE) == hospital
        visits, stays = scene.visits.filter(here), discharged(scene).filter(here)
        out, ward = _yuan(visits["fee_fen"]), _yuan(stays["fee_fen"])
        drugs = _yuan(visits["drug_fee_fen"]) + _yuan(stays["drug_fee_fen"])
        total = out + ward
        consumables, tests = (
            (total - drugs) * given["consumables"],
            (total - drugs) * given["tests"],
        )
        noise = random.normal(1, given["spread"], len(given["expenses"]))
        grant = len(scene.people) * given["grant_yuan_per_head"]
        rows: list[tuple[str, str, str, float]] = [
            ("outpatient_income", "门急诊收入", "元", out),
            ("inpatient_income", "住院收入", "元", ward),
            ("medical_income", "医疗收入", "元", total),
            ("drug_income", "药品收入", "元", drugs),
            ("consumable_income", "卫生材料收入", "元", consumables),
            ("test_income", "检查化验收入", "元", tests),
            ("service_income", "医疗服务收入", "元", total - drugs - consumables - tests),
            ("grant_income", "财政拨款收入", "元", grant),
            ("drug_expense", "药品费", "元", drugs * given["drug_cost"]),
            *((code, name, "元", total * share * one)
              for (code, (name, share)), one in zip(given["expenses"].items(), noise, strict=True)),
            ("visit_count", "门急诊人次数", "人次", float(len(visits))),
            ("discharge_count", "出院人次数", "人次", float(len(stays))),
        ]  # fmt: skip
        return _frame(rows)

    def _staff(self, scene: Scene, hospital: str) -> pl.DataFrame:
        everyone = scene.staff["category"].to_list()
        own = in_service(scene, everyone).filter(pl.col(_PLACE) == hospital)
        rows = [("staff_count", "在岗职工数", "人", float(len(own)))]
        for category, code in self._rates["staff_codes"].items():
            count = own.filter(pl.col("category") == category).height
            rows.append((code, self._rates["open_staff"][category], "人", float(count)))
        senior = own.filter(pl.col("title").is_in(["1", "2"])).height
        joined = own.filter(pl.col("employed") >= scene.month.first - timedelta(days=365)).height
        return _frame([
            *rows,
            ("senior_count", "副高及以上职称人数", "人", float(senior)),
            ("joined_count", "近一年新进人数", "人", float(joined)),
        ])  # fmt: skip


def _frame(rows: list[tuple[str, str, str, float]]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=list(_COLUMNS), orient="row")
    return frame.with_columns(pl.col("item_value").round(2))


def _yuan(fen: pl.Series) -> float:
    return float(fen.sum() or 0) / 100


def _placed(
    items: pl.DataFrame, name: tuple[str, str], kind: str, first: date, sent: date
) -> pl.DataFrame:
    number, title = name
    return items.with_columns(
        pl.lit(number).alias("return_number"),
        pl.lit(title).alias("return_name"),
        pl.lit(kind).alias("period_kind_code"),
        pl.lit(first).alias("period_start_date"),
        pl.lit(sent + timedelta(days=8)).alias("submitted_date"),
    )
