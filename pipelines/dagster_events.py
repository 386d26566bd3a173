"""What a run has told, as Dagster understands it: events of its instance, results of steps.

Belongs here: turning `events.py` into Dagster's words, and keeping what commands have told until
the page takes it. Not here: which assets there are (`assets/`). Dagster is slow to import: a
command never does.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.clock import now
from ingestion.lake import Lake, write_bytes
from pipelines.events import Checked, Event, Made, recording

if TYPE_CHECKING:
    import dagster as dg


FOLDER = "untold"


@contextmanager
def reported(lake: Lake, command: str) -> Iterator[None]:
    """What a command makes and finds meanwhile comes onto the lake's Dagster page, however it ends.

    It is written down here, which costs nothing, and the page's sensor `command_line` (or the next
    one that is started) tells the instance.
    """
    with recording() as events:
        try:
            yield
        finally:
            if events:
                folder = lake.home / "dagster" / FOLDER
                folder.mkdir(parents=True, exist_ok=True)
                said = {"command": command, "at": f"{now():%Y-%m-%d %H:%M:%S}"}
                lines = [
                    json.dumps([type(event).__name__, vars(event), said], default=str)
                    for event in events
                ]
                path = folder / f"{now():%Y%m%dT%H%M%S%f}.jsonl"
                write_bytes("\n".join(lines).encode(), path)


def untold(home: Path, after: str = "") -> list[Path]:
    """What commands have written down since a file's name, oldest first."""
    return sorted(p for p in (home / "dagster" / FOLDER).glob("*.jsonl") if p.name > after)


def asset_events(path: Path) -> list["dg.AssetMaterialization | dg.AssetCheckEvaluation"]:
    """The events of one file, as Dagster's instance takes them."""
    import dagster as dg

    found: list[dg.AssetMaterialization | dg.AssetCheckEvaluation] = []
    for line in path.read_text("utf-8").splitlines():
        kind, facts, said = json.loads(line)
        key = dg.AssetKey(facts["key"])
        metadata = {**said, **_metadata(facts["metadata"])}
        if kind == Made.__name__:
            found.append(dg.AssetMaterialization(key, metadata=metadata))
        else:
            found.append(
                dg.AssetCheckEvaluation(
                    asset_key=key,
                    check_name=facts["name"],
                    passed=facts["passed"],
                    severity=_severity(facts["critical"]),
                    blocking=facts["critical"],
                    metadata=metadata,
                )
            )
    return found


def results(
    events: Collection[Event],
    assets: Collection["dg.AssetKey"],
    checks: Collection["dg.AssetCheckKey"] = (),
    seconds: float | None = None,
) -> Iterator["dg.MaterializeResult[None] | dg.AssetCheckResult"]:
    """Results of a step, of the assets and checks that it was asked for; the last word counts."""
    import dagster as dg

    took = {} if seconds is None else {"seconds": seconds}
    made = {dg.AssetKey(e.key): e for e in events if isinstance(e, Made)}
    found = {
        dg.AssetCheckKey(dg.AssetKey(e.key), e.name): e for e in events if isinstance(e, Checked)
    }
    for asset, event in made.items():
        if asset in assets:
            yield dg.MaterializeResult(
                asset_key=asset, metadata={**took, **_metadata(event.metadata)}
            )
    for check, told in found.items():
        if check in checks:
            yield dg.AssetCheckResult(
                asset_key=check.asset_key,
                check_name=check.name,
                passed=told.passed,
                severity=_severity(told.critical),
                metadata=_metadata(told.metadata),
            )


def _severity(critical: bool) -> "dg.AssetCheckSeverity":
    import dagster as dg

    return dg.AssetCheckSeverity.ERROR if critical else dg.AssetCheckSeverity.WARN


def _metadata(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Lists and mappings as JSON; other values as they are."""
    import dagster as dg

    return {
        name: dg.MetadataValue.json(value) if isinstance(value, list | dict) else value
        for name, value in facts.items()
    }
