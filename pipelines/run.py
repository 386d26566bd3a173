"""What a run is: its stages, in their order, said once for the command line and for Dagster.

`yigong run` goes through all of them in this process, `yigong build`, `publish` and `rebuild`
through a part; Dagster's steps (`assets/`) are the same stages, one after the other. Not here: what
a stage does (`steps.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from expectations.runner import CheckOutcome
from expectations.suite import Layer
from identity.store import LinkRun
from ingestion.lake import Lake
from pipelines import dbt_build, publish, steps
from pipelines.steps import Ingested


@dataclass
class Run:
    """One run over a lake: what it was asked, and what its stages have found so far.

    Args:
        feeds: Take only these in.
        anew: Build library facts from all of silver, not only from what has come since.
    """

    lake: Lake
    inbox: Path | None = None
    feeds: Sequence[str] | None = None
    anew: bool = False
    ingested: Ingested | None = None
    left_lagging: list[str] = field(default_factory=list)
    links: LinkRun | None = None
    outcomes: list[CheckOutcome] = field(default_factory=list)
    version: int | None = None
    is_new: bool = False


@dataclass(frozen=True)
class Stage:
    """One step of a run. `layer` is that of the tables it checks."""

    name: str
    label_zh: str
    go: Callable[[Run], None]
    layer: Layer | None = None


def _ingest(run: Run) -> None:
    before = steps.silver_versions(run.lake)
    run.ingested = steps.ingest(run.lake, feeds=run.feeds, inbox=run.inbox)
    run.left_lagging = steps.heal(run.lake)
    steps.tell_of_silver(run.lake, before)
    steps.require_balance(run.lake)


def _link(run: Run) -> None:
    run.links = steps.link_persons(run.lake)


def _reference(run: Run) -> None:
    steps.refresh_reference(run.lake)


def _build(run: Run) -> None:
    dbt_build.build(anew=run.anew)


def _check(layer: Layer) -> Callable[[Run], None]:
    def check(run: Run) -> None:
        outcomes = steps.check(run.lake, layer)
        run.outcomes += outcomes
        steps.stop_on_critical(outcomes)

    return check


def _publish(run: Run) -> None:
    quality = {
        "passed": sum(o.passed for o in run.outcomes),
        "warning": sum(not o.passed for o in run.outcomes),
    }
    before = publish.current_version(run.lake)
    run.version = publish.publish(run.lake, dbt_build.manifest(), quality=quality)
    run.is_new = run.version != before


STAGES: tuple[Stage, ...] = (
    Stage("ingest", "接入", _ingest),
    Stage("check_silver", "检查白银层", _check("silver"), "silver"),
    Stage("link", "主索引", _link),
    Stage("reference", "参照表", _reference),
    Stage("build", "构建", _build),
    Stage("check_libraries", "检查资源库", _check("libraries"), "libraries"),
    Stage("check_marts", "检查集市", _check("marts"), "marts"),
    Stage("publish", "发布", _publish),
)


def stages(first: str = "ingest", last: str = "publish") -> tuple[Stage, ...]:
    """The stages from one to another, both included."""
    names = [stage.name for stage in STAGES]
    return STAGES[names.index(first) : names.index(last) + 1]


def go(run: Run, chosen: Sequence[Stage] = STAGES) -> Run:
    """Go through some stages, or all of them; the run tells what they have found.

    Raises:
        LedgerOutOfBalance, SilverDisagrees: the books do not add up, or not to what silver holds.
        CriticalFailure: a critical expectation failed; the published version stays as it was.
        BuildFailed: a model or dbt test failed.
    """
    for stage in chosen:
        stage.go(run)
    return run
