"""Conforming one feed again as a job, a partition a feed: what is useful to run once more.

A day is a setting and not a second partition: 312 feeds by days make more partitions than the page
can bear. Not here: conforming again (`ingestion/again.py`).
"""

from collections.abc import Mapping
from datetime import date

import dagster as dg

from ingestion.contract import Contract
from ingestion.ledger import Ledger
from pipelines import steps
from pipelines.resources import LakeResource


class ConformAgain(dg.Config):
    """Which arrivals: of one feed, since a day such as 2026-03-01, or all."""

    feed: str
    since: str = ""


@dg.op
def conform_feed_again(
    context: dg.OpExecutionContext, config: ConformAgain, lake: LakeResource
) -> None:
    day = f"{date.fromisoformat(config.since):%Y%m%d}" if config.since else ""
    with lake.writing("conform") as opened:
        with Ledger(opened.home) as ledger:
            rows = ledger.live(config.feed)
        batches = [row["batch_id"] for row in rows if row["arrival_id"] >= day]
        done, refused = steps.conform_lagging(opened, {config.feed: batches})
        steps.require_balance(opened)
    if refused:
        raise dg.Failure("；".join(refused), allow_retries=False)
    for one in done:
        facts = {name: getattr(one, name) for name in ("batches", "changed", "accepted", "refused")}
        context.add_output_metadata({**facts, "mapped": one.mapped})


def conform_job(contracts: Mapping[str, Contract]) -> dg.JobDefinition:
    """A run conforms one feed again, a backfill many; `daily_run` publishes what came of it."""

    @dg.static_partitioned_config(partition_keys=sorted(contracts))
    def one_feed(feed: str) -> dict[str, object]:
        return {"ops": {"conform_feed_again": {"config": {"feed": feed}}}}

    @dg.job(
        name="conform_again",
        config=one_feed,
        description="按现行契约、实体与代码表，从青铜层重新整理一个数据源",
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        conform_feed_again()

    return job
