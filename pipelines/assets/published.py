"""The published version as an asset: the last step, and only over checks that have passed.

Not here: what publishing does (`pipelines/publish.py`).
"""

import json
import time
from collections.abc import Sequence

import dagster as dg

from ingestion.lake import Lake
from pipelines import dbt_build, publish
from pipelines.run_lock import writing
from pipelines.settings import home


def published_asset(
    models: Sequence[dg.AssetKey], checks: Sequence[dg.AssetCheckKey]
) -> dg.AssetsDefinition:
    """The asset that publishes.

    Args:
        models: All models; their blocking checks hold this asset back.
        checks: The expectations whose counts go with the version.
    """

    @dg.asset(
        key=["published", "current"],
        group_name="published",
        description="发布版本：驾驶舱与分析师只读此处；关键检查未过则不发布",
        owners=["team:data_engineers"],
        deps=models,
        kinds={"duckdb"},
    )
    def published(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        started = time.monotonic()
        quality = count_checks(context.instance, checks)
        lake = Lake.open(home())
        with writing(lake, "Dagster"):
            version = publish.publish(lake, dbt_build.manifest(), quality=quality)
        manifest = (lake.published / f"v{version}" / "manifest.json").read_text("utf-8")
        tables = json.loads(manifest)["tables"]
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(tables.values()),
                "version": version,
                "tables": len(tables),
                **{f"checks_{outcome}": count for outcome, count in quality.items()},
                "seconds": round(time.monotonic() - started, 2),
            }
        )

    return published


def count_checks(
    instance: dg.DagsterInstance, checks: Sequence[dg.AssetCheckKey]
) -> dict[str, int]:
    """Latest outcome of every expectation, counted; a run of this asset alone passes here too.

    Raises:
        dagster.Failure: a critical expectation failed or an expectation was never evaluated.
    """
    passed, warning, stops = 0, 0, []
    for key in checks:
        record = instance.get_latest_asset_check_evaluation_record(key)
        found = record.event.asset_check_evaluation if record and record.event else None
        if found and found.passed:
            passed += 1
        elif found and found.severity == dg.AssetCheckSeverity.WARN:
            warning += 1
        else:
            stops.append(f"{key.asset_key.to_user_string()} {key.name}")
    if stops:
        raise dg.Failure(f"关键检查未过或未运行，不发布：{'、'.join(stops)}", allow_retries=False)
    return {"passed": passed, "warning": warning}
