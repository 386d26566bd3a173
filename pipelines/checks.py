"""Great Expectations suites as asset checks: `critical` blocks what follows, `warning` shows."""

from collections.abc import Callable, Iterable

import dagster as dg

from expectations.runner import CheckOutcome
from expectations.suite import LAYERS, Layer, suites
from ingestion.lake import Lake
from pipelines import steps
from pipelines.settings import home


def check_definitions(key_of: Callable[[str, str], dg.AssetKey]) -> list[dg.AssetChecksDefinition]:
    """One checks definition a layer.

    Args:
        key_of: The asset key of a layer's table.
    """
    used = {suite.layer for suite in suites()}
    return [_layer_checks(layer, key_of) for layer in LAYERS if layer in used]


def _layer_checks(
    layer: Layer, key_of: Callable[[str, str], dg.AssetKey]
) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            name=expectation.id,
            asset=key_of(layer, suite.table),
            description=expectation.label_zh,
            blocking=expectation.severity == "critical",
        )
        for suite in suites()
        if suite.layer == layer
        for expectation in suite.expectations
    ]

    @dg.multi_asset_check(specs=specs, name=f"expectations_{layer}", can_subset=True)
    def run_checks(context: dg.AssetCheckExecutionContext) -> Iterable[dg.AssetCheckResult]:
        for outcome in steps.check(Lake.open(home()), layer):
            asset = key_of(layer, outcome.suite.table)
            key = dg.AssetCheckKey(asset, outcome.expectation.id)
            if key in context.selected_asset_check_keys:
                yield _result(outcome, asset)

    return run_checks


def _result(outcome: CheckOutcome, key: dg.AssetKey) -> dg.AssetCheckResult:
    critical = outcome.expectation.severity == "critical"
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=outcome.expectation.id,
        passed=outcome.passed,
        severity=dg.AssetCheckSeverity.ERROR if critical else dg.AssetCheckSeverity.WARN,
        metadata={
            "unexpected": outcome.unexpected_count,
            "observed": outcome.observed,
            "failing_keys": dg.MetadataValue.json(outcome.failing_keys[:20]),
        },
    )
