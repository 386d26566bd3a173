"""Great Expectations suites as asset checks: `critical` blocks what follows, `warning` shows."""

from collections.abc import Callable, Iterable

import dagster as dg

from expectations.suite import LAYERS, Layer, suites
from pipelines import steps
from pipelines.dagster_events import results
from pipelines.resources import LakeResource


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
    def run_checks(
        context: dg.AssetCheckExecutionContext, lake: LakeResource
    ) -> Iterable[dg.AssetCheckResult]:
        with lake.writing(f"check {layer}") as opened:
            events = [steps.as_checked(outcome) for outcome in steps.check(opened, layer)]
        yield from results(events, (), context.selected_asset_check_keys)  # type: ignore[misc]

    return run_checks
