"""Reference tables of the lake, written from the YAML and CSV of this folder and the contracts.

Belongs here: flattening facts into `reference/*.parquet` for dbt. Not here: the ledger, which the
pipeline writes beside them, and any rule about the facts (`catalogue.py`).
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from ingestion.contract import Contract
from ingestion.crosswalk import Codes, code_facts
from ingestion.entity import ZONE, Entity
from ingestion.lake import write_parquet
from ingestion.yaml_file import read_yaml
from standards.catalogue import (
    CONFIDENCE_NAME,
    DIRECTION_NAME,
    STANDARDS_DIR,
    STATE_NAME,
    UNIT_NAME,
    IndicatorSystem,
    code_systems,
    load_systems,
    measures,
    terminologies,
)
from standards.dated_rules import Rule, load_rules, rule_rows

TEXT, WHOLE, DAY, REAL = pl.String(), pl.Int64(), pl.Date(), pl.Float64()

_IN_FORCE: dict[str, pl.DataType] = {
    "valid_from": DAY, "valid_to": DAY, "source": TEXT, "confidence": TEXT, "confidence_name": TEXT,
}  # fmt: skip

SCHEMAS: dict[str, dict[str, pl.DataType]] = {
    "code": {
        **dict.fromkeys(
            ("code_system", "code", "name", "standard", "confidence", "version", "parent",
             "attributes"),
            TEXT,
        ),
        "valid_from": DAY,
        "valid_to": DAY,
    },
    "measure": dict.fromkeys(
        ("measure_id", "label_zh", "unit", "additivity", "evidence_model"), TEXT
    ),
    "indicator": {
        **dict.fromkeys(("indicator_id", "system", "system_name"), TEXT),
        "official_no": WHOLE,
        **dict.fromkeys(
            (
                "name_zh", "name_en", "formula_zh", "numerator", "denominator", "unit",
                "unit_name", "direction", "direction_name", "frequency", "evaluated", "target",
                "source", "confidence", "confidence_name", "certainty",
            ),
            TEXT,
        ),
        "definition_version": WHOLE,
        "valid_from": DAY,
        "valid_to": DAY,
        "quality_floor": REAL,
        "min_denominator": WHOLE,
        **dict.fromkeys(
            ("completeness_floor", "plausible_minimum", "plausible_maximum", "jump_width"), REAL
        ),
    },
    "indicator_level": dict.fromkeys(("indicator_id", "organization_level"), TEXT)
    | {"is_stated": pl.Boolean(), "definition_version": WHOLE},
    "indicator_requirement": dict.fromkeys(("indicator_id", "entity", "organization_level"), TEXT)
    | {"definition_version": WHOLE},
    "rule_value": dict.fromkeys(("rule_id", "rule_label_zh", "parameter", "label_zh"), TEXT)
    | {"value": REAL, "unit": TEXT, "from_age": WHOLE, "to_age": WHOLE}
    | _IN_FORCE,
    "rule_code": dict.fromkeys(("rule_id", "rule_label_zh", "code_system", "code"), TEXT)
    | _IN_FORCE,
    "indicator_state": dict.fromkeys(("state", "state_name"), TEXT),
    "feed": dict.fromkeys(
        ("feed", "label_zh", "member_id", "format", "every", "owner", "leads"), TEXT
    )
    | {"allowed_hours": WHOLE, "starts_date": DAY, "stops_date": DAY},
    "feed_entity": dict.fromkeys(("feed", "entity"), TEXT),
    "entity": dict.fromkeys(("entity", "label_zh", "event_time"), TEXT)
    | {"is_register": pl.Boolean()},
    "silver_batch": dict.fromkeys(("entity", "batch_id", "path"), TEXT)
    | {"is_live": pl.Boolean()},
    "feed_day": dict.fromkeys(("feed", "entity", "organization_id"), TEXT)
    | {"day": DAY, "row_count": WHOLE},
    "key_meeting": {
        **dict.fromkeys(
            (
                "feed", "member_id", "entity", "entity_name", "column_name", "column_label",
                "target", "target_name",
            ),
            TEXT,
        ),
        **dict.fromkeys(("row_count", "filled_count", "met_count"), WHOLE),
        **dict.fromkeys(
            ("filled_share", "met_share", "expected_share", "expected_filled_share"), REAL
        ),
        **dict.fromkeys(("severity", "state", "state_name", "stamp"), TEXT),
    },
    "ledger": {
        "feed": TEXT,
        "member_id": TEXT,
        **dict.fromkeys(("received", "accepted", "quarantined", "duplicate"), WHOLE),
        **dict.fromkeys(
            ("first_received_at", "last_received_at"), pl.Datetime("us", ZONE)
        ),
    },
}  # fmt: skip
"""Shape of every reference table. Rows of those in `BOOKED` come from the pipeline."""

BOOKED = ("ledger", "silver_batch", "feed_day", "key_meeting")


def export_reference(
    home: Path,
    contracts: Mapping[str, Contract],
    entities: Mapping[str, Entity],
    systems: Sequence[IndicatorSystem] | None = None,
    *,
    codes: Codes | None = None,
    rules: Mapping[str, Rule] | None = None,
) -> None:
    """Write `home/reference/<table>.parquet` for every table that the ledger does not fill.

    A file that would stay as it is is not touched.

    Args:
        home: Lake home; `reference/` is made when missing.
        contracts: All feeds by name.
        entities: All entities by name.
        systems: The indicator catalogue; that of this folder when left out.
        codes: The code lists of the site; those of this folder when left out.
        rules: The dated rules; those of this folder when left out.
    """
    folder = home / "reference"
    catalogue = load_systems() if systems is None else systems
    rows = reference_rows(contracts, entities, catalogue, codes or Codes())
    rows["rule_value"], rows["rule_code"] = rule_rows(load_rules() if rules is None else rules)
    for table, found in rows.items():
        frame = pl.DataFrame(found, schema=SCHEMAS[table], orient="row")
        write_changed(frame, folder / f"{table}.parquet")


def write_changed(frame: pl.DataFrame, path: Path) -> bool:
    """Write a reference table unless the file holds it already; tells whether it was written."""
    if path.exists() and pl.read_parquet(path).equals(frame):
        return False
    write_parquet(frame, path)
    return True


def reference_rows(
    contracts: Mapping[str, Contract],
    entities: Mapping[str, Entity],
    systems: Sequence[IndicatorSystem],
    codes: Codes,
) -> dict[str, list[dict[str, Any]]]:
    """Rows of every reference table that the ledger does not fill, by table."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in SCHEMAS if name not in BOOKED}
    rows["code"] = _code_rows(codes)
    rows["measure"] = [{"measure_id": k, **m.model_dump()} for k, m in measures().items()]
    rows["indicator_state"] = [
        {"state": state, "state_name": label} for state, label in STATE_NAME.items()
    ]
    _indicator_rows(rows, systems)
    registers = set(read_yaml(STANDARDS_DIR / "registers.yml"))
    for name, entity in entities.items():
        rows["entity"].append(
            {
                "entity": name,
                "label_zh": entity.label_zh,
                "event_time": entity.event_time,
                "is_register": name in registers,
            }
        )
    for feed, contract in contracts.items():
        rows["feed"].append(
            {
                "feed": feed,
                "label_zh": contract.label_zh,
                "member_id": contract.member,
                "format": contract.format,
                "every": contract.arrives.every,
                "owner": contract.owner,
                "leads": f",{','.join(contract.leads)},",
                "allowed_hours": contract.arrives.allowed // timedelta(hours=1),
                "starts_date": contract.arrives.starts,
                "stops_date": contract.arrives.stops,
            }
        )
        rows["feed_entity"] += [
            {"feed": feed, "entity": entity} for entity in contract.mapping().records
        ]
    return rows


def _code_rows(codes: Codes) -> list[dict[str, Any]]:
    """Every code once for the systems of the product, whoever added it; of a list that only the
    lake has loaded, once an edition, with the days between which it is valid."""
    rows = []
    for name, system in code_systems().items():
        said = code_facts(name)
        rows += [
            {
                "code_system": name,
                "code": code,
                "name": label,
                "standard": system.standard,
                "confidence": system.confidence,
                **{fact: said.get(code, {}).get(fact) for fact in ("parent", "attributes")},
                **{day: _day(said.get(code, {}).get(day)) for day in ("valid_from", "valid_to")},
            }
            for code, label in codes.code_system(name).items()
        ]
    for name, listed in terminologies().items():
        for edition in codes.editions(name):
            assert codes.loaded
            rows += [
                {
                    **row,
                    "code_system": name,
                    "standard": listed.standard,
                    "confidence": edition.confidence,
                    "version": edition.version,
                    "valid_from": row["valid_from"] or edition.valid_from,
                    "valid_to": row["valid_to"] or edition.valid_to,
                }
                for row in codes.loaded.table(edition).iter_rows(named=True)
            ]
    return rows


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _indicator_rows(
    rows: dict[str, list[dict[str, Any]]], systems: Sequence[IndicatorSystem]
) -> None:
    kept = set(SCHEMAS["indicator"])
    for system in systems:
        for indicator in system.indicators:
            key = {
                "indicator_id": indicator.id,
                "definition_version": indicator.definition_version,
            }
            facts = indicator.model_dump() | {
                "system": system.system,
                "system_name": system.name_zh,
                "unit_name": UNIT_NAME[indicator.unit],
                "direction_name": DIRECTION_NAME[indicator.direction],
                "confidence_name": CONFIDENCE_NAME[indicator.confidence],
                "plausible_minimum": indicator.plausible.minimum,
                "plausible_maximum": indicator.plausible_maximum,
                "jump_width": indicator.plausible.jump,
            }
            row = {k: v for k, v in facts.items() if k in kept}
            rows["indicator"].append(row | key)
            rows["indicator_level"] += [
                key | {"organization_level": level, "is_stated": level in indicator.applies_to}
                for level in (*indicator.applies_to, *indicator.also_counts)
            ]
            rows["indicator_requirement"] += [
                key | {"entity": entity, "organization_level": level}
                for entity in indicator.requires
                for level in indicator.required_of.get(entity, [None])
            ]
