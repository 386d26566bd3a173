"""The platform at work: calls of common services, heartbeats and runs of the edge agents.

Belongs here: what machines log about each other. Not here: what people do (`platform_access/`),
the data itself. No row holds anything about a patient.
"""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import codes, drawn, hours_later, minutes_later, serial
from county.domains.outbreak import planted_rows
from county.domains.waiting import after
from county.scene import Export, Planted, Scene

CALLS = "consortium__service_bus__calls"
HEARTBEATS = "consortium__edge__heartbeats"
TRANSFERS = "consortium__edge__transfers"
_FAILURES = {"success": 200, "business_error": 422, "system_error": 500, "timeout": 504,
             "denied": 403}  # fmt: skip
_MINUTES_A_DAY = 1440


class Domain:
    """Feeds of the service bus and of the exchange monitor; nothing is kept between months."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._agents = pl.DataFrame(
            [
                {
                    "agent_id": a["id"],
                    "organization_id": a["organization"],
                    "agent_version": a["version"],
                }
                for a in rates["agents"]
            ]
        )

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("platform_exchange")
        yield self._calls(scene, random)
        outage = self._outage(scene, random)
        yield self._heartbeats(scene, outage, random)
        yield self._transfers(scene, outage, random)

    def _calls(self, scene: Scene, random: np.random.Generator) -> Export:
        """Calls around the visits of the month; one service has a bad day."""
        rates = self._rates
        levels = scene.organizations.select("organization_id", "level")
        visits = scene.visits.select("organization_id", "start").join(
            levels, on="organization_id", how="left", maintain_order="left"
        )
        parts = []
        for service in rates["services"]:
            asked = drawn(random, visits, service["share"], least=1)
            parts.append(
                asked.select(
                    "organization_id",
                    hours_later(random, asked["start"], -0.05, 0.3).alias("called_at"),
                    pl.col("level").replace_strict(rates["callers"], return_dtype=pl.String)
                    .alias("caller_system"),
                    pl.lit(service["code"]).alias("service_code"),
                    pl.lit(service["name"]).alias("service_name"),
                    pl.lit(service["version"]).alias("service_version"),
                    pl.lit(service["provider"]).alias("provider_system"),
                    pl.lit(service["latency"]).alias("usual"),
                    pl.lit(service["request"]).alias("asks"),
                    pl.lit(service["response"]).alias("answers"),
                )
            )  # fmt: skip
        calls = pl.concat(parts).sort("called_at", "service_code", "organization_id")
        size = len(calls)
        outcome = codes(random, rates["outcomes"], size)
        calls = calls.with_columns(
            serial("FW", scene.month, size).alias("call_id"),
            pl.col("called_at").dt.date().alias("day"),
        )
        worst = calls.group_by("service_code", "day").len().sort(
            ["len", "service_code", "day"], descending=[True, False, False]
        )  # fmt: skip
        bad = (calls["service_code"] == worst["service_code"][0]) & (
            calls["day"] == worst["day"][0]
        )
        failed = bad & pl.Series(random.random(size) < rates["breach_failures"])
        failed[int(bad.arg_max() or 0)] = True
        spread = np.exp(random.normal(0, rates["latency_spread"], size))
        scale = random.uniform(0.7, 1.4, size)
        trace = pl.Series(random.integers(0, 1 << 62, size)).cast(pl.String).str.zfill(19)
        calls = calls.with_columns(
            pl.when(failed).then(pl.lit("system_error")).otherwise(outcome).alias("outcome_code"),
            trace.alias("trace_number"),
        )
        late = pl.col("outcome_code") == "timeout"
        answered = pl.col("outcome_code") == "success"
        calls = calls.with_columns(
            pl.col("outcome_code").replace_strict(_FAILURES, return_dtype=pl.Int64)
            .alias("http_status"),
            pl.when(late).then(float(rates["timeout_ms"]))
            .otherwise((pl.col("usual") * pl.Series(spread)).round(1)).alias("latency_ms"),
            (pl.col("asks") * pl.Series(scale)).cast(pl.Int64).alias("request_bytes"),
            pl.when(answered).then((pl.col("answers") * pl.Series(scale)).cast(pl.Int64))
            .otherwise(pl.when(late).then(0).otherwise(180)).alias("response_bytes"),
        )  # fmt: skip
        first = calls.filter(failed)["call_id"][0]
        return Export(CALLS, calls, [Planted("error_rate_breach", str(first))])

    def _outage(self, scene: Scene, random: np.random.Generator) -> tuple[str, datetime, datetime]:
        """The agent that is silent this month, and from when to when."""
        first, last = self._rates["outage_days"]
        day = scene.month.days[int(random.integers(first, last)) - 1]
        start = datetime.combine(day, time(hour=int(random.integers(0, 20)), minute=7))
        least, most = self._rates["outage_hours"]
        hours = float(random.uniform(least, most))
        length = max(timedelta(hours=hours), 4.5 * self._beat(scene))
        agent = self._agents["agent_id"][int(random.integers(0, len(self._agents)))]
        return str(agent), start, start + length

    def _beat(self, scene: Scene) -> timedelta:
        least, most = self._rates["beats"]
        beats = len(scene.people) / 1000 * self._rates["beats_per_1000_residents"]
        return timedelta(minutes=round(_MINUTES_A_DAY / min(max(beats, least), most)))

    def _heartbeats(
        self, scene: Scene, outage: tuple[str, datetime, datetime], random: np.random.Generator
    ) -> Export:
        """Beats of all agents; none of the silent one, whose first beat afterwards is planted."""
        rates, month = self._rates, scene.month
        start = datetime.combine(month.first, time())
        moments = pl.datetime_range(
            start, after(month), self._beat(scene), closed="left", eager=True
        ).alias("moment")  # fmt: skip
        beats = self._agents.join(moments.to_frame(), how="cross", maintain_order="left_right")
        beats = beats.with_columns(
            minutes_later(beats["moment"], random.uniform(0, 0.6, len(beats))).alias("sent_at")
        )
        agent, silent_from, silent_to = outage
        inside = pl.col("sent_at").is_between(silent_from, silent_to)
        beats = beats.filter(~((pl.col("agent_id") == agent) & inside)).sort("sent_at", "agent_id")
        size = len(beats)
        slow = pl.Series(random.random(size) < rates["degraded"])
        lag = pl.Series(np.round(np.exp(random.normal(3.4, 0.5, size)), 1))
        beats = beats.with_columns(
            serial("XT", month, size).alias("heartbeat_id"),
            pl.when(slow).then(pl.lit("degraded")).otherwise(pl.lit("normal"))
            .alias("status_code"),
            pl.when(slow).then(pl.Series(random.integers(60, 400, size)))
            .otherwise(pl.Series(random.poisson(2, size))).alias("queued_count"),
            pl.when(slow).then(lag * 20).otherwise(lag).round(1).alias("latency_ms"),
            pl.Series(np.round(random.uniform(0.35, 0.7, size), 3)).alias("disk_used_rate"),
        )  # fmt: skip
        back = beats.filter((pl.col("agent_id") == agent) & (pl.col("sent_at") > silent_to))
        return Export(
            HEARTBEATS, beats, [Planted("outage", key) for key in back["heartbeat_id"].head(1)]
        )

    def _transfers(
        self, scene: Scene, outage: tuple[str, datetime, datetime], random: np.random.Generator
    ) -> Export:
        """Runs of every data set; those that fall into the outage wait for its end."""
        rates, month = self._rates, scene.month
        days = round(rates["residents_per_daily_run"] / len(scene.people))
        days = min(max(days, 1), rates["most_days_in_run"])
        sets = pl.DataFrame(
            [
                {"agent_id": a["id"], "organization_id": a["organization"], "dataset_name": name,
                 "daily": float(count)}
                for a in rates["agents"] for name, count in a["datasets"].items()
            ]
        )  # fmt: skip
        ends = pl.Series("day", month.days[days - 1 :: days])
        runs = sets.join(ends.to_frame(), how="cross", maintain_order="left_right")
        size = len(runs)
        planned = minutes_later(runs["day"], random.uniform(60, 300, size))
        agent, silent_from, silent_to = outage
        waits = (runs["agent_id"] == agent) & planned.is_between(silent_from, silent_to)
        begun = pl.select(
            pl.when(waits).then(pl.lit(silent_to) + timedelta(minutes=12)).otherwise(planned)
        ).to_series()
        usual = runs["daily"].to_numpy() * len(scene.people) / 1000 * days
        count = random.poisson(usual)
        fullest = int(random.choice(np.flatnonzero(usual == usual.max())))
        count[fullest] = max(1, round(usual[fullest] * rates["volume_drop"]))
        errors = random.binomial(count, rates["row_error"])
        seconds = count / 120 + random.uniform(2, 40, size)
        runs = runs.with_columns(
            begun.alias("started_at"),
            minutes_later(begun, seconds / 60).alias("ended_at"),
            pl.lit(days).alias("file_count"),
            pl.Series("row_count", count),
            pl.Series("error_count", errors),
            pl.Series((count * rates["bytes_per_row"] * random.uniform(0.9, 1.1, size)).astype(int))
            .alias("transferred_bytes"),
            (pl.lit(begun) - pl.col("day").cast(pl.Datetime("us"))).dt.total_minutes()
            .cast(pl.Float64).alias("delay_minutes"),
            pl.when(pl.Series(errors) > 0).then(pl.lit("partial")).otherwise(pl.lit("completed"))
            .alias("status_code"),
            pl.Series("is_thin", np.arange(size) == fullest),
        ).sort("started_at", "agent_id", "dataset_name")  # fmt: skip
        runs = runs.with_columns(serial("JH", month, size).alias("run_id"))
        thin = planted_rows("volume_drop", runs, "run_id", pl.col("is_thin"))
        return Export(TRANSFERS, runs, thin)
