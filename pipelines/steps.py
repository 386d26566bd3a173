"""The stages of a run as plain functions; Dagster and the command line both call these."""

import json
import logging
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from expectations.runner import CheckOutcome
from expectations.suite import Layer, suites
from identity.store import LinkRun, update_links
from ingestion.again import (
    Conformed,
    Lag,
    WouldRefuse,
    conform_again,
    lag,
    unreadable_silver,
)
from ingestion.agreement import require_agreement
from ingestion.booking import Count, UnbalancedLedger
from ingestion.entity import ZONE, entities
from ingestion.ingest import FeedRun, ingest_feed
from ingestion.lake import Lake, write_bytes
from ingestion.landing import ReaderFailed
from ingestion.ledger import Ledger
from ingestion.transports import HARMLESS, Left, Transport, open_transport
from ingestion.vault import Vault
from pipelines import dbt_build
from pipelines.build_plan import table_versions
from pipelines.events import Checked, Made, tell
from pipelines.key_meetings import refresh_key_meetings
from pipelines.progress import Step, report
from pipelines.reading import LEFT_FILE
from pipelines.remembered_checks import check_suites
from pipelines.site import dated_rules, indicator_systems
from standards.export import SCHEMAS, export_reference, write_changed


class LedgerOutOfBalance(RuntimeError):
    """received = accepted + quarantined + duplicate does not hold; nothing is published."""


class CriticalFailure(RuntimeError):
    """A critical expectation failed; what follows and publishing stop."""

    def __init__(self, outcomes: Sequence[CheckOutcome]) -> None:
        self.outcomes = outcomes
        super().__init__("; ".join(describe(o) for o in outcomes))


def describe(outcome: CheckOutcome) -> str:
    """One line that names table, rule, how many rows and which (keys only)."""
    keys = ", ".join("/".join(row.values()) for row in outcome.failing_keys[:5])
    rows = f"{outcome.unexpected_count} 行" if outcome.unexpected_count else outcome.observed
    return (
        f"{outcome.suite.layer}/{outcome.suite.table} {outcome.expectation.id} "
        f"{outcome.expectation.label_zh}: {rows}" + (f" [{keys}]" if keys else "")
    )


@dataclass(frozen=True)
class Ingested:
    """What came in of every feed, and what was left lying in the inbox with the reason."""

    feeds: list[FeedRun]
    left: list[Left]

    @property
    def whole(self) -> bool:
        """Nothing that was agreed is missing."""
        return all(one.why in HARMLESS for one in self.left)


def ingest(
    lake: Lake, *, feeds: Sequence[str] | None = None, inbox: Path | None = None
) -> Ingested:
    """Take what waits for the named feeds, or for all of them. A feed that fails is named in the
    result and keeps no other from being taken.

    Raises:
        UnbalancedLedger: a feed lost or invented rows; the others have been taken.
        OSError, sqlite3.OperationalError: nothing can be written at all.
    """
    known = lake.site.contracts
    chosen = [known[f] for f in feeds] if feeds else list(known.values())
    runs: list[FeedRun] = []
    unbalanced: UnbalancedLedger | None = None
    doors: dict[str, Transport] = {}
    with Vault(lake.home) as vault, Ledger(lake.home) as ledger:
        for number, contract in enumerate(chosen):
            report(Step("ingest", contract.feed, number, len(chosen)))
            kind = contract.location.kind
            if kind not in doors:
                doors[kind] = open_transport(kind, inbox or lake.inbox)
            door = doors[kind]
            try:
                run = ingest_feed(lake, contract, vault=vault, ledger=ledger, transport=door)
            except (OSError, sqlite3.OperationalError):
                raise
            except Exception as error:
                logging.getLogger(__name__).exception("feed %s failed", contract.feed)
                if isinstance(error, UnbalancedLedger):
                    unbalanced = error
                failed = Left(contract.feed, "", "feed_failed", type(error).__name__)
                run = FeedRun(contract.feed, 0, 0, Count(), [failed])
            runs.append(run)
            _tell_of_feed(run)
            report(Step("ingest", contract.feed, number + 1, len(chosen), f"{run.files} 个文件"))
    left = [one for run in runs for one in run.left]
    if not feeds:
        patterns = [c.location.pattern for c in chosen]
        left += [one for door in doors.values() for one in door.unclaimed(patterns)]
        remember_left(lake, left)
    if unbalanced:
        raise unbalanced
    return Ingested(runs, left)


def _tell_of_feed(run: FeedRun) -> None:
    key = ("bronze", run.feed)
    if run.files:
        counts = {name: getattr(run.count, name) for name in _COUNTS}
        tell(Made(key, {"dagster/row_count": run.count.accepted, "files": run.files, **counts}))
    missing = [one for one in run.left if one.why not in HARMLESS]
    if run.files or missing:
        said = {"left": [str(one) for one in missing[:20]]} if missing else {}
        tell(Checked(key, TAKEN, not missing, metadata=said))


TAKEN = "taken_whole"
"""The check of every feed: nothing that was agreed has been left lying."""


def remember_left(lake: Lake, left: Sequence[Left]) -> None:
    """Keep what the last run over all feeds left lying, for `yigong status`."""
    rows = [{"feed": one.feed, "name": one.name, "why": one.why, "detail": one.detail,
             "text": str(one)} for one in left]  # fmt: skip
    text = json.dumps(rows, ensure_ascii=False, indent=1)
    write_bytes(text.encode(), lake.home / LEFT_FILE)


HEAL_ROWS = 500_000
"""A run conforms what lags again by itself up to as many rows; more is somebody's decision."""


def lagging(lake: Lake) -> dict[str, Lag]:
    """Feeds whose silver was made with other definitions than today's, by name."""
    known = lake.site.contracts
    with Ledger(lake.home) as ledger:
        found = {feed: lag(contract, ledger) for feed, contract in known.items()}
    return {feed: behind for feed, behind in found.items() if behind.batches}


def conform_lagging(
    lake: Lake, behind: Mapping[str, Collection[str]], *, careful: bool = False
) -> tuple[list[Conformed], list[str]]:
    """Conform batches again, feed by feed; gives what each did and what was refused to be done.

    Args:
        behind: Batches by feed.
        careful: Leave a feed alone whose accepted rows would become fewer.
    """
    known = lake.site.contracts
    done, refused = [], []
    with Vault(lake.home) as vault, Ledger(lake.home) as ledger:
        for number, (feed, batches) in enumerate(behind.items()):
            report(Step("conform", feed, number, len(behind)))
            try:
                done.append(
                    conform_again(
                        lake, known[feed], vault=vault, ledger=ledger, batches=batches,
                        careful=careful,
                    )
                )  # fmt: skip
            except (WouldRefuse, ReaderFailed, KeyError) as reason:
                refused.append(f"{feed}：{reason}")
            report(Step("conform", feed, number + 1, len(behind)))
    return done, refused


def silver_versions(lake: Lake) -> dict[str, str]:
    """What tells two contents of each entity's silver apart."""
    with Ledger(lake.home) as ledger:
        return ledger.silver_versions()


def silver_rows(lake: Lake) -> dict[str, int]:
    """Rows of silver by entity, as booked."""
    with Ledger(lake.home) as ledger:
        return ledger.rows_of_silver()


def tell_of_silver(lake: Lake, before: Mapping[str, str]) -> None:
    """Tell which entities of silver have changed since."""
    after, rows = silver_versions(lake), silver_rows(lake)
    for entity in sorted(after):
        if entity in entities() and after[entity] != before.get(entity):
            tell(Made(("silver", entity), {"dagster/row_count": rows.get(entity, 0)}))


def heal(lake: Lake) -> list[str]:
    """Conform what lags again while that is little and takes nothing away; says what is left.

    Raises:
        OtherTypes: silver holds a column in another type than its entity says now.
    """
    behind = lagging(lake)
    left = []
    if sum(one.rows for one in behind.values()) > HEAL_ROWS:
        left.append(
            f"{len(behind)} 个数据源的数据按旧定义整理，行数较多，未自动重整："
            "请运行 yigong conform --again"
        )
    elif behind:
        chosen = {feed: one.batches for feed, one in behind.items()}
        _, left = conform_lagging(lake, chosen, careful=True)
    with Ledger(lake.home) as ledger:
        odd = unreadable_silver(lake, lake.site.contracts, ledger)
    if odd:
        raise OtherTypes(
            f"白银层 {'、'.join(odd)} 的类型与现行实体定义不同：请先运行 yigong conform --again "
            f"{odd[0].split('.')[0]}"
        )
    return left


class OtherTypes(RuntimeError):
    """Silver holds a column in another type than its entity says now; nothing is built on it."""


def require_balance(lake: Lake) -> None:
    """The books must add up, and silver must hold what they say.

    Raises:
        LedgerOutOfBalance: they do not add up.
        SilverDisagrees: silver holds other rows than were booked.
    """
    with Ledger(lake.home) as ledger:
        if not ledger.balanced():
            raise LedgerOutOfBalance("台账不平：received ≠ accepted + quarantined + duplicate")
        require_agreement(lake, ledger)


def link_persons(lake: Lake) -> LinkRun:
    report(Step("link", "person_link", 0, 1))
    run = update_links(lake)
    if run.is_new:
        counts = {"dagster/row_count": run.source_persons, "persons": run.persons}
        changes = {"merges": run.merges, "splits": run.splits, "moves": run.moves}
        asked = {"conflicts": run.conflicts, "review": run.review}
        tell(Made(("identity", "person_link"), {**counts, **changes, **asked}))
    report(Step("link", "person_link", 1, 1, _said_of(run)))
    return run


def _said_of(run: LinkRun) -> str:
    said = f"{run.persons} 人，矛盾 {run.conflicts}，待核对 {run.review}"
    return said if run.weighed else f"{said}；缺少 splink，未做概率匹配：请运行 make setup"


def refresh_reference(lake: Lake) -> None:
    """Write what dbt reads beside silver: catalogue, codes, feeds and what the ledger says."""
    known = lake.site.contracts
    systems = indicator_systems(lake.site)
    rules = dated_rules(lake.site)
    export_reference(lake.home, known, entities(), systems, codes=lake.site.codes, rules=rules)
    with Ledger(lake.home) as ledger:
        totals = ledger.feeds()
        batches = ledger.silver_batches()
        days = pl.DataFrame(ledger.feed_days(), schema=_FEED_DAY, orient="row")
        versions = ledger.silver_versions()
    refresh_key_meetings(lake, versions)
    totals_by_feed = []
    for feed, contract in known.items():
        row = totals.get(feed)
        counts = [int(row[c]) if row else 0 for c in _COUNTS]
        times = [row[c] if row else None for c in ("first_received_at", "last_received_at")]
        totals_by_feed.append((feed, contract.member, *counts, *times))
    schema: dict[str, pl.DataType] = {"feed": pl.String(), "member_id": pl.String()}
    schema |= dict.fromkeys(_COUNTS, pl.Int64())
    schema |= dict.fromkeys(("first_received_at", "last_received_at"), pl.String())
    ledger_frame = pl.DataFrame(totals_by_feed, schema=schema, orient="row").with_columns(
        pl.col("first_received_at", "last_received_at")
        .str.to_datetime(time_zone="UTC", time_unit="us", strict=False)
        .dt.convert_time_zone(ZONE)
    )
    write_changed(ledger_frame, lake.reference / "ledger.parquet")
    write_changed(
        days.with_columns(pl.col("day").str.to_date()), lake.reference / "feed_day.parquet"
    )
    silver_batch = pl.DataFrame(
        list(_silver_batches(lake, batches)), schema=SCHEMAS["silver_batch"], orient="row"
    )
    if write_changed(silver_batch, lake.reference / "silver_batch.parquet"):
        sums = {name: sum(row[name] for row in totals.values()) for name in _COUNTS}
        tell(Made(("reference", "ledger"), {"dagster/row_count": len(totals), **sums}))


def _silver_batches(
    lake: Lake, batches: Sequence[tuple[str, str, str, str, int]]
) -> Iterator[tuple[str, str, str, bool]]:
    """Entity, batch, its file of silver and whether it is live; superseded ones while facts may
    still have to ask which keys they had."""
    for entity, feed, batch, arrival, is_live in batches:
        if entity not in entities():
            continue
        path = lake.silver_file(entity, feed, batch, arrival)
        if not is_live:
            path = lake.retired(entity) / path.name
            if not path.exists():
                continue
        yield entity, batch, path.relative_to(lake.home).as_posix(), bool(is_live)


_FEED_DAY: dict[str, pl.DataType] = {**SCHEMAS["feed_day"], "day": pl.String()}
_COUNTS = ("received", "accepted", "quarantined", "duplicate")


def check(lake: Lake, layer: Layer) -> list[CheckOutcome]:
    """Run the suites of one layer whose tables have changed, and recall the outcomes of the others;
    every outcome is returned, none is raised."""
    chosen = [s for s in suites() if s.layer == layer]
    done = 0

    def advance(name: str) -> None:
        nonlocal done
        report(Step("check", name, done, len(chosen)))
        done += 1

    versions = silver_versions(lake) if layer == "silver" else table_versions(lake)
    outcomes, fresh = check_suites(lake, chosen, versions, progress=advance)
    for outcome in fresh:
        tell(as_checked(outcome))
    failed = sum(not o.passed for o in outcomes)
    report(Step("check", layer, len(chosen), len(chosen), f"{len(outcomes)} 项，{failed} 项未通过"))
    return outcomes


def as_checked(outcome: CheckOutcome) -> Checked:
    """An outcome as the event that tells it."""
    return Checked(
        dbt_build.asset_path(outcome.suite.layer, outcome.suite.table),
        outcome.expectation.id,
        outcome.passed,
        outcome.expectation.severity == "critical",
        {
            "unexpected": outcome.unexpected_count,
            "observed": outcome.observed,
            "failing_keys": outcome.failing_keys[:20],
        },
    )


def stop_on_critical(outcomes: Sequence[CheckOutcome]) -> None:
    """Raise when a critical expectation failed.

    Raises:
        CriticalFailure: names every table, rule and failing key.
    """
    critical = [o for o in outcomes if o.stops]
    if critical:
        raise CriticalFailure(critical)
