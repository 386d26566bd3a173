"""Outcomes of suites, kept until the table or the suite changes: what is as it was is not checked
again, and a failure of then still counts.

Belongs here: `YIGONG_HOME/checks.json`. Not here: running suites (`expectations/runner.py`) and
what tells two contents of a table apart (`build_plan.py`, `ledger.py`).
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from expectations.runner import CheckOutcome, run_suites
from expectations.suite import Suite
from ingestion.lake import Lake, write_bytes


def check_suites(
    lake: Lake,
    suites: Sequence[Suite],
    versions: Mapping[str, str],
    *,
    progress: Callable[[str], None] | None = None,
) -> tuple[list[CheckOutcome], list[CheckOutcome]]:
    """Outcomes of all suites, in their order, and those of them that are new.

    Args:
        versions: What tells two contents of a table apart, by table; one without is checked anew.
        progress: Called with the name of each table that is checked.
    """
    path = lake.home / "checks.json"
    kept: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    stamps = {
        _name(suite): _stamp(suite, versions[suite.table])
        for suite in suites
        if suite.table in versions
    }
    changed = [s for s in suites if kept.get(_name(s), {}).get("stamp") != stamps.get(_name(s), "")]
    for suite in changed:
        kept.pop(_name(suite), None)
    fresh: dict[str, list[CheckOutcome]] = {}
    for outcome in run_suites(lake.home, changed, progress=progress):
        fresh.setdefault(_name(outcome.suite), []).append(outcome)
    for name, outcomes in fresh.items():
        if name in stamps:
            found = [
                [o.expectation.id, o.passed, o.unexpected_count, o.observed, o.failing_keys]
                for o in outcomes
            ]
            kept[name] = {"stamp": stamps[name], "outcomes": found}
    if changed:
        write_bytes(json.dumps(kept, ensure_ascii=False).encode(), path)
    outcomes = [
        outcome
        for suite in suites
        for outcome in fresh.get(_name(suite)) or _recalled(suite, kept[_name(suite)]["outcomes"])
    ]
    return outcomes, [outcome for found in fresh.values() for outcome in found]


def _recalled(suite: Suite, outcomes: Sequence[Sequence[Any]]) -> list[CheckOutcome]:
    by_id = {expectation.id: expectation for expectation in suite.expectations}
    return [CheckOutcome(suite, by_id[name], *found) for name, *found in outcomes]


def _name(suite: Suite) -> str:
    return f"{suite.layer}/{suite.table}"


def _stamp(suite: Suite, version: str) -> str:
    return hashlib.sha256(f"{suite.model_dump_json()} {version}".encode()).hexdigest()[:16]
