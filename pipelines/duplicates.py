"""Which encounters several feeds tell of, and where they contradict each other.

Belongs here: counting `encounter_match` and `encounter_conflict` of the published version. Not
here: how encounters are resolved (`models/emr/encounter_match.sql`).
"""

from typing import Any

from ingestion.lake import Lake
from pipelines.reading import analysis, rows
from standards.model_files import models

RULE_NAME = {
    "same_number": "就诊号相同",
    "recoded": "同号改归另一机构",
    "same_time": "同人、同机构、同类、同时而就诊号不同",
}


def duplicates(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    """`matches`: encounters by rule and the feeds that tell of them; `conflicts`: encounters by
    column, feed and the feed whose value was kept. A number under `recoded` or `same_time` would
    count twice if nobody had seen it."""
    with analysis(lake) as connection:
        matches = rows(
            connection,
            """with told as (
                select
                    resolved_organization_id as organization_id, resolved_encounter_id,
                    case
                        when bool_or(rule = 'same_time') then 'same_time'
                        when bool_or(rule = 'recoded') then 'recoded' else 'same_number'
                    end as rule,
                    string_agg(distinct feed, ' + ' order by feed) as feeds
                from encounter_match group by all)
            select rule, organization_id, feeds, count(*) as encounters
            from told group by all order by all""",
        )
        conflicts = rows(
            connection,
            """select column_name as "column", conflict.feed, encounter.feed as latest_feed,
                count(*) as encounters
            from encounter_conflict as conflict
            inner join encounter using (organization_id, encounter_id)
            group by all order by all""",
        )
    labels = {c.name: c.description for c in models()["encounter"].columns}
    for row in matches:
        row["rule_label"] = RULE_NAME[row["rule"]]
    for row in conflicts:
        row["column_label"] = labels.get(row["column"], row["column"])
    return {"matches": matches, "conflicts": conflicts}
