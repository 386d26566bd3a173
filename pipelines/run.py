"""The whole run in this process: waiting files to a published version.

Dagster runs the same steps on a server (`definitions.py`); this is what `yigong run` does without
paying its start-up for every asset.
"""

from pathlib import Path

from expectations.runner import CheckOutcome
from ingestion.agreement import require_agreement
from ingestion.lake import Lake
from ingestion.ledger import Ledger
from pipelines import dbt_build, publish, steps
from pipelines.steps import RunSummary


class LedgerOutOfBalance(RuntimeError):
    """received = accepted + quarantined + duplicate does not hold; nothing is published."""


def run_all(lake: Lake, *, inbox: Path | None = None) -> RunSummary:
    """Ingest, heal what lags, link, check silver, build, check libraries and marts, publish.

    Raises:
        LedgerOutOfBalance, SilverDisagrees: the books do not add up, or not to what silver holds.
        CriticalFailure: a critical expectation failed; the published version stays as it was.
        BuildFailed: a model or dbt test failed.
    """
    before = publish.current_version(lake)
    ingested = steps.ingest(lake, inbox=inbox)
    left = steps.heal(lake)
    require_balance(lake)
    links = steps.link_persons(lake)
    steps.refresh_reference(lake)
    outcomes = steps.check(lake, "silver")
    steps.stop_on_critical(outcomes)
    outcomes += build_and_check(lake)
    version = publish_checked(lake, outcomes)
    return RunSummary(ingested, links, outcomes, version, version != before, left)


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


def build_and_check(lake: Lake, *, anew: bool = False) -> list[CheckOutcome]:
    """Build everything, then hold libraries and marts to their suites.

    Args:
        anew: Build library facts from all of silver, not only from what has come since.

    Raises:
        BuildFailed: a model or dbt test failed.
        CriticalFailure: a critical expectation failed.
    """
    dbt_build.build(anew=anew)
    outcomes = [*steps.check(lake, "libraries"), *steps.check(lake, "marts")]
    steps.stop_on_critical(outcomes)
    return outcomes


def publish_checked(lake: Lake, outcomes: list[CheckOutcome]) -> int:
    """Publish what has passed; the counts of checks go with it."""
    quality = {
        "passed": sum(o.passed for o in outcomes),
        "warning": sum(not o.passed for o in outcomes),
    }
    return publish.publish(lake, dbt_build.manifest(), quality=quality)
