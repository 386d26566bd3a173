"""The published version as an asset: the last step, and only over checks that have passed.

Not here: what publishing does (`pipelines/publish.py`).
"""

import json
import time
from collections.abc import Sequence

import dagster as dg

from pipelines.assets.taking import OWNERS
from pipelines.resources import LakeResource
from pipelines.run import Run, go, stages
from pipelines.steps import CriticalFailure


def published_asset(models: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """The asset that publishes.

    Args:
        models: All models; their blocking checks hold this asset back.
    """

    @dg.asset(
        key=["published", "current"],
        group_name="published",
        description="发布版本：驾驶舱与分析师只读此处；关键检查未过则不发布",
        owners=OWNERS,
        deps=models,
        kinds={"duckdb"},
    )
    def published(lake: LakeResource) -> dg.MaterializeResult[None]:
        """The checks of all layers are asked once more: what has not changed is recalled, what was
        never checked is checked now, so that this asset alone passes by nothing."""
        started = time.monotonic()
        with lake.writing("publish") as opened:
            asked = [s for s in stages() if s.layer or s.name == "publish"]
            try:
                done = go(Run(opened), asked)
            except CriticalFailure as failure:
                said = f"关键检查未过，不发布：{failure}"
                raise dg.Failure(said, allow_retries=False) from failure
            manifest = opened.published / f"v{done.version}" / "manifest.json"
            tables = json.loads(manifest.read_text("utf-8"))["tables"]
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(tables.values()),
                "version": done.version,
                "tables": len(tables),
                "checks_passed": sum(o.passed for o in done.outcomes),
                "checks_warning": sum(not o.passed for o in done.outcomes),
                "seconds": round(time.monotonic() - started, 2),
            }
        )

    return published
