"""Office automation of the consortium: flows, contracts, projects, training.

Belongs here: what offices of all members do in the shared system. Not here: events of quality and
safety (`quality_events.py`), remote education (`medical_management/education/`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.administration.office.quality_events import QualityEvents
from county.domains.draws import chance, codes, days, doctors, drawn, moments, serial
from county.domains.members import LEAD, members, workforce
from county.domains.picks import picked
from county.domains.suppliers import SUPPLIERS, contract_of
from county.domains.waiting import Waiting
from county.roles import CONSORTIUM
from county.scene import Export, Planted, Scene

FLOWS = "consortium__oa__flow_steps"
CONTRACTS = "consortium__oa__contracts"
PROJECTS = "consortium__oa__projects"
TRAININGS = "consortium__oa__trainings"
_AGREED, _RETURNED, _FINISHED = "1", "2", "4"
_LATE, _DONE = "3", "4"


class Domain:
    """Steps of flows wait for the day on which they are handled."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._waiting = Waiting()
        self._events = QualityEvents(rates["events"])

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("administration")
        yield self._flows(scene, random)
        yield Export(CONTRACTS, self._contracts(scene, random))
        yield self._projects(scene, random)
        yield Export(TRAININGS, self._trainings(scene, random))
        yield from self._events.month(scene)

    def _flows(self, scene: Scene, random: np.random.Generator) -> Export:
        """Steps handled in the month, and the one that nobody handles."""
        rates, month = self._rates, scene.month
        places = members(scene).select("organization_id", "level")
        own = pl.DataFrame({"organization_id": [CONSORTIUM], "level": ["consortium"]})
        count = pl.col("level").replace_strict(rates["flows"], default=0, return_dtype=pl.Int64)
        flows = (
            pl.concat([own, places])
            .with_columns(pl.int_ranges(0, count).alias("_flow"))
            .explode("_flow")
            .drop_nulls("_flow")
        )
        size = len(flows)
        kind = codes(random, rates["flow_kinds"], size)
        which = pl.Series(random.integers(0, 6, size))
        titles = pl.DataFrame(
            list(rates["titles"].items()), schema=["flow_kind_code", "titles"], orient="row"
        )
        begun = moments(random, days(random, month.first, month.last, size), closes=17)
        flows = flows.with_columns(
            serial("LC", month, size).alias("flow_id"), kind.alias("flow_kind_code"),
            which.alias("_which"), begun.alias("arrived_at"),
        ).join(titles, on="flow_kind_code", how="left", maintain_order="left")  # fmt: skip
        title = pl.col("titles").list.get(pl.col("_which") % pl.col("titles").list.len())
        flows = flows.with_columns(title.alias("title_text"))
        steps = self._steps(scene, flows, random)
        due = self._waiting.due("steps", steps, "_sent_at", month)
        stuck = due.filter("is_stuck")["flow_step_id"]
        return Export(FLOWS, due, [Planted("flow_not_handled", key) for key in stuck])

    def _steps(
        self, scene: Scene, flows: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """All steps of the flows one after another, each handled on a later day. The first flow
        stays at its second step."""
        rates, size, parts = self._rates, len(flows), []
        office = flows["organization_id"].replace({CONSORTIUM: LEAD})
        arrived = flows["arrived_at"]
        stuck = pl.int_range(pl.len()) == 0
        for order, name in enumerate(rates["steps"], start=1):
            late = random.random(size) < rates["late"]
            waits = np.where(late, random.integers(4, 12, size), random.integers(1, 3, size))
            day = arrived.dt.date() + pl.Series(waits * 86_400_000).cast(pl.Duration("ms"))
            handled = moments(random, day, opens=9, closes=18)
            last = order == len(rates["steps"])
            back = chance(random, 0 if last else rates["returned"], size)
            done = pl.lit(_FINISHED if last else _AGREED)
            left = stuck if order == 2 else pl.lit(False)
            parts.append(
                flows.select(
                    "organization_id", "flow_id", "flow_kind_code", "title_text",
                    (pl.col("flow_id") + f"-{order}").alias("flow_step_id"),
                    pl.lit(order).alias("step_number"),
                    pl.lit(name).alias("step_name"),
                    doctors(random, scene, office).alias("handler_staff_id"),
                    arrived.alias("arrived_at"),
                    pl.lit(arrived).dt.offset_by(f"{rates['days_allowed']}d").alias("due_at"),
                    pl.when(~left).then(pl.lit(handled)).alias("handled_at"),
                    pl.when(left).then(None).when(back).then(pl.lit(_RETURNED)).otherwise(done)
                    .alias("decision_code"),
                    pl.lit(last).alias("is_last_step"),
                    left.alias("is_stuck"),
                    pl.when(left).then(pl.lit(arrived)).otherwise(pl.lit(handled))
                    .alias("_sent_at"),
                ).filter(pl.lit(order <= 2) | ~stuck)
            )  # fmt: skip
            arrived = handled
        return pl.concat(parts)

    def _contracts(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """A few contracts of hospitals, and at each year's start one with every supplier."""
        rates, month = self._rates, scene.month
        size = int(rates["contracts_each_month"])
        kind = codes(random, rates["contract_kinds"], size)
        places = members(scene).filter(pl.col("level") == "hospital")
        signed = days(random, month.first, month.last, size)
        others = picked(random, places, size).select(
            serial("HTZH", month, size).alias("contract_id"),
            "organization_id",
            kind.replace_strict(rates["contract_names"]).alias("contract_name"),
            kind.alias("contract_kind_code"),
            pl.lit(None, pl.String).alias("supplier_id"),
            picked(random, pl.DataFrame({"p": rates["partners"]}), size)["p"]
            .alias("partner_name"),
            signed.alias("signed_date"),
            (signed + timedelta(days=10)).alias("valid_from_date"),
            (signed + timedelta(days=374)).alias("valid_to_date"),
            pl.Series(random.integers(20, 900, size) / 10).alias("amount_wan"),
            pl.lit("1").alias("state_code"),
        )  # fmt: skip
        if month.index and month.number != 1:
            return others
        year = month.year
        frames = SUPPLIERS.select(
            contract_of(pl.col("supplier_id"), year).alias("contract_id"),
            pl.lit(CONSORTIUM).alias("organization_id"),
            (pl.lit(f"{year}年度框架采购合同-") + pl.col("supplier_id")).alias("contract_name"),
            pl.lit("1").alias("contract_kind_code"),
            "supplier_id",
            pl.col("supplier_name").alias("partner_name"),
            pl.lit(date(year - 1, 12, 20)).alias("signed_date"),
            pl.lit(date(year, 1, 1)).alias("valid_from_date"),
            pl.lit(date(year, 12, 31)).alias("valid_to_date"),
            pl.Series(random.integers(60, 1500, len(SUPPLIERS)) / 10).alias("amount_wan"),
            pl.lit("1").alias("state_code"),
        )
        return pl.concat([frames, others])

    def _projects(self, scene: Scene, random: np.random.Generator) -> Export:
        """Every project that is not done, as it stands at the month's end."""
        month = scene.month
        plans = pl.DataFrame(self._rates["projects"])
        start = pl.col("start")
        age = (month.year - start.dt.year()) * 12 + month.number - start.dt.month() + 1
        progress = (age * pl.col("speed") / pl.col("months")).clip(0, 1).round(2)
        planned = start.dt.offset_by(pl.format("{}mo", "months")) - timedelta(days=1)
        rows = plans.with_columns(
            progress.alias("progress_rate"), planned.alias("planned_end_date"),
            ((age - 1) * pl.col("speed") / pl.col("months") >= 1).alias("was_done"),
        ).filter(~pl.col("was_done") & (start <= month.last))  # fmt: skip
        late = (pl.col("progress_rate") < 1) & (pl.col("planned_end_date") < month.last)
        office = rows["owner"].replace({CONSORTIUM: LEAD})
        rows = rows.select(
            (pl.col("id") + "-" + month.compact).alias("project_report_id"),
            pl.col("owner").alias("organization_id"),
            pl.col("id").alias("project_id"),
            pl.col("name").alias("project_name"),
            pl.col("kind").alias("project_kind_code"),
            doctors(np.random.default_rng(scene.seed), scene, office).alias("leader_staff_id"),
            pl.col("start").alias("started_date"),
            "planned_end_date",
            "budget_fen",
            (pl.col("budget_fen") * pl.col("progress_rate") * 0.92).round(0).cast(pl.Int64)
            .alias("spent_fen"),
            "progress_rate",
            pl.when(late).then(pl.lit(_LATE)).when(pl.col("progress_rate") >= 1)
            .then(pl.lit(_DONE)).otherwise(pl.lit("2")).alias("state_code"),
            pl.lit(month.last).alias("reported_date"),
        )  # fmt: skip
        overdue = rows.filter(pl.col("state_code") == _LATE)["project_report_id"]
        return Export(PROJECTS, rows, [Planted("project_overdue", key) for key in overdue])

    def _trainings(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        rates, month = self._rates, scene.month
        staff = drawn(random, workforce(scene).drop("person"), rates["trained"], least=6)
        size = len(staff)
        kind = codes(random, rates["training_kinds"], size)
        starts = days(random, month.first, month.last - timedelta(days=3), size)
        length = pl.Series(random.integers(0, 3, size))
        hours = (length + 1) * 6
        return staff.with_columns(
            serial("PX", month, size).alias("training_id"),
            kind.alias("training_kind_code"),
            kind.replace_strict(rates["training_names"]).alias("training_name"),
            pl.lit("医共体教学中心").alias("host_name"),
            starts.alias("starts_date"),
            (pl.lit(starts) + pl.duration(days=pl.lit(length))).alias("ends_date"),
            hours.cast(pl.Float64).alias("training_hours"),
            (hours / 6).alias("credit_score"),
            chance(random, rates["passed"], size).alias("is_passed"),
        )
